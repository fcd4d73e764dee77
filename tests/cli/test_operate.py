"""The operator's commands, on real servers."""

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.cli.running import SECRET, authsvc, authsvc_beside, environment, served_here
from tests.support.service import Service, code_of
from tests.support.stores import Urls

from authsvc.app import create_app
from authsvc.cli.doctor import advise
from authsvc.kit.redis import RedisClient
from authsvc.passwords.argon2_build import Build, Instructions

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def service(servers: Urls) -> AsyncIterator[Service]:
    """A service that runs beside the commands, on the same servers."""
    app = create_app(served_here(servers))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield Service(client)


def told(ended: subprocess.CompletedProcess[str]) -> str:
    """What a command that failed said: one sentence, no traceback."""
    assert ended.returncode == 1, ended
    assert ended.stdout == ""
    assert ended.stderr.startswith("authsvc: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr.removeprefix("authsvc: ").strip()


async def test_a_disabled_user_is_out_until_enabled_again(service, env, tmp_path):
    login = await service.sign_up("ada")
    disabled = await authsvc_beside("users", "disable", "ADA", where=tmp_path, env=env)
    assert (disabled.returncode, disabled.stderr) == (0, "")
    assert disabled.stdout == "ada is disabled; all their sessions have ended.\n"
    assert not await service.is_alive(login)
    assert code_of(await service.try_login("ada")) == "invalid_credentials"
    enabled = await authsvc_beside("users", "enable", "ada", where=tmp_path, env=env)
    assert enabled.stdout == "ada is enabled.\n"
    assert not await service.is_alive(login)
    assert await service.is_alive(await service.log_in("ada"))


def test_disabling_nobody_is_told(env, tmp_path):
    assert told(authsvc("users", "disable", "nobody", where=tmp_path, env=env)) == "There is no such user."


async def test_a_signing_key_is_rotated_once_at_a_time(service, env, tmp_path):
    login = await service.sign_up("grace")
    first = await authsvc_beside("keys", "rotate", where=tmp_path, env=env)
    assert first.stdout.startswith("The new key is published. It signs from 20")
    second = await authsvc_beside("keys", "rotate", where=tmp_path, env=env)
    assert second.stdout == "A new key is waiting for its turn already.\n"
    assert (await service.user(login)).status_code == 200


async def test_a_wrong_secret_is_told_in_a_sentence(service, env, tmp_path):
    await service.sign_up("lin")  # the first key is there
    env["AUTHSVC_SECRET_KEY"] = SECRET[::-1]
    for words in (("keys", "rotate"), ("serve",)):
        said = told(await authsvc_beside(*words, where=tmp_path, env=env | {"AUTHSVC_PORT": "0"}))
        assert said.startswith("AUTHSVC_SECRET_KEY is not the one that signing key")
        assert SECRET[::-1] not in said


# A103
async def test_the_audit_trail_is_listed_as_json_lines(service, env, tmp_path):
    login = await service.sign_up("joan")
    user_id = (await service.user(login)).json()["id"]
    assert (await service.log_out(login)).status_code == 204
    for who in ("joan", user_id):
        listed = await authsvc_beside("audit", "list", "--user", who, where=tmp_path, env=env)
        assert (listed.returncode, listed.stderr) == (0, "")
        events = [json.loads(line) for line in listed.stdout.splitlines()]
        assert [event["name"] for event in events] == ["user_registered", "login_succeeded", "logged_out"]
        assert {event["user_id"] for event in events} == {user_id}
        assert events[-1]["session_id"] == str(login.session_id)
        assert events[-1]["request_id"]
        assert events[-1]["ip_address"]
    words = ("audit", "list", "--user", "joan", "--event", "logged_out", "--since")
    for since, number in (("1h", 1), ("2020-01-01", 1), ("2200-01-01T00:00:00Z", 0)):
        listed = await authsvc_beside(*words, since, where=tmp_path, env=env)
        assert len(listed.stdout.splitlines()) == number, listed


def test_what_cannot_be_listed_is_told(servers, env, tmp_path):
    for words, said in (
        (("--user", "nobody"), "There is no such user."),
        (("--event", "coffee_break"), "There is no such event. There are: user_registered, "),
        (("--since", "yesterday"), "--since takes a time"),
    ):
        assert told(authsvc("audit", "list", *words, where=tmp_path, env=env)).startswith(said)


def test_pruning_deletes_what_is_old_and_nothing_else(servers, env, tmp_path):
    assert authsvc("audit", "prune", where=tmp_path, env=env).stdout == "0 events were deleted.\n"


def test_migrating_is_told_once_and_then_there_is_nothing_to_do(tmp_path):
    env = environment(
        secret_key=SECRET,
        database_url=f"sqlite+aiosqlite:///{tmp_path}/authsvc.db",
        redis_url=f"unix://{tmp_path}/nobody",
    )
    too_early = authsvc("users", "enable", "ada", where=tmp_path, env=env)
    assert told(too_early).startswith("The database's schema is not up to date.")
    first = authsvc("migrate", where=tmp_path, env=env)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("Applied: 0001")
    assert authsvc("migrate", where=tmp_path, env=env).stdout == "The schema is up to date.\n"


def test_an_outage_is_told_in_a_sentence_that_names_the_setting_and_no_password(servers, tmp_path):
    nowhere = "postgresql+asyncpg://ada:canary-7d1f@127.0.0.1:1/authsvc"
    env = environment(secret_key=SECRET, database_url=nowhere, redis_url=servers.redis)
    for words in (("migrate",), ("users", "disable", "ada")):
        said = told(authsvc(*words, where=tmp_path, env=env))
        assert said.startswith("The server of AUTHSVC_DATABASE_URL cannot be used: ")
        assert "canary" not in said


async def test_a_disabling_that_redis_did_not_hear_of_is_told(service, servers, tmp_path):
    login = await service.sign_up("mary")
    env = environment(
        secret_key=SECRET,
        database_url=servers.database,
        redis_url="redis://:canary-7d1f@127.0.0.1:1",
    )
    said = told(await authsvc_beside("users", "disable", "mary", where=tmp_path, env=env))
    assert said.startswith("The server of AUTHSVC_REDIS_URL cannot be used: ")
    assert said.endswith("Run this command again to complete it.")
    assert "canary" not in said
    assert code_of(await service.try_login("mary")) == "invalid_credentials"
    redis_is_back = await authsvc_beside(
        "users", "disable", "mary", where=tmp_path, env=env | {"AUTHSVC_REDIS_URL": servers.redis}
    )
    assert redis_is_back.returncode == 0
    assert not await service.is_alive(login)


async def test_the_doctor_finds_a_sound_installation_sound(service, env, tmp_path):
    examined = await authsvc_beside("doctor", where=tmp_path, env=env)
    assert examined.returncode == 0, examined
    *depended_on, hashing = examined.stdout.splitlines()
    assert [line.split()[-1] for line in depended_on] == ["ok", "ok", "ok"]
    assert re.fullmatch(
        r"argon2 +(ok|slow)  \S+ code, (as published|built from source): "
        r"[0-9.]+ ms a hash, [0-9]+ logins a second on each core\..*",
        hashing,
    )


def test_the_doctor_advises_the_native_build_where_it_would_help():
    able = "flags\t: avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
    state, advice = advise(Build(Instructions.SSE2, published=True), able)
    assert state == "slow"
    assert "make native" in advice
    assert advise(Build(Instructions.SSE2, published=True), "flags\t: sse2") == ("ok", "")
    assert advise(Build(Instructions.AVX2, published=False), able) == ("ok", "")
    assert advise(Build(Instructions.PORTABLE, published=True), "") == ("ok", "")


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_the_doctor_finds_that_a_hash_needs_more_memory_than_there_is(env, tmp_path):
    limited = subprocess.run(  # noqa: S603 - our own program
        ["/bin/sh", "-c", f"ulimit -v 4000000; exec {sys.executable} -m authsvc doctor"],
        cwd=tmp_path,
        env=env | {"AUTHSVC_ARGON2_MEMORY_KIB": "4194304"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert limited.returncode == 1
    assert "Lower AUTHSVC_ARGON2_MEMORY_KIB." in limited.stdout


# A112
async def test_the_doctor_says_what_to_do_about_a_redis_that_evicts(service, env, servers, tmp_path):
    redis = RedisClient.connect(servers.redis, timeout=5, max_connections=1)
    await redis.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    examined = await authsvc_beside("doctor", where=tmp_path, env=env)
    await redis.execute("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await redis.close()
    assert examined.returncode == 1
    assert "unsafe_store_policy" in examined.stdout
    assert "noeviction" in examined.stdout


async def test_the_doctor_says_what_to_do_about_a_redis_that_takes_no_writes(service, env, servers, tmp_path):
    redis = RedisClient.connect(servers.redis, timeout=5, max_connections=1)
    await redis.execute("REPLICAOF", "127.0.0.1", "1")
    examined = await authsvc_beside("doctor", where=tmp_path, env=env)
    await redis.execute("REPLICAOF", "NO", "ONE")
    await redis.close()
    assert examined.returncode == 1
    assert re.search(r"^AUTHSVC_REDIS_URL +read_only  It takes no writes", examined.stdout, re.MULTILINE)


def test_the_doctor_survives_what_it_finds(env, tmp_path):
    nowhere = env | {
        "AUTHSVC_DATABASE_URL": "postgresql+asyncpg://a:b@127.0.0.1:1/c",
        "AUTHSVC_REDIS_URL": "redis://127.0.0.1:1",
    }
    examined = authsvc("doctor", where=tmp_path, env=nowhere)
    assert (examined.returncode, examined.stderr) == (1, "")
    assert examined.stdout.count(" down ") == 3
    assert examined.stdout.count("Connect call failed") == 2
    assert "They are kept in the database." in examined.stdout


def test_the_doctor_changes_nothing(tmp_path, servers):
    url = f"sqlite+aiosqlite:///{tmp_path}/authsvc.db"
    env = environment(secret_key=SECRET, database_url=url, redis_url=servers.redis)
    assert authsvc("migrate", where=tmp_path, env=env).returncode == 0
    examined = authsvc("doctor", where=tmp_path, env=env)
    assert (examined.returncode, examined.stderr) == (0, "")
    assert re.search(r"^signing keys +none_yet  .*`authsvc serve`", examined.stdout, re.MULTILINE)
    with contextlib.closing(sqlite3.connect(tmp_path / "authsvc.db")) as database:
        assert database.execute("SELECT count(*) FROM signing_keys").fetchone() == (0,)
