"""The service with the rights that ``authsvc grants`` prints, on real servers, and nothing more."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from sqlalchemy import make_url, text
from tests.cli.running import authsvc, served_here
from tests.support.service import NEW_PASSWORD, PASSWORD, Service
from tests.support.stores import Urls

from authsvc.app import create_app
from authsvc.audit import tables as audit_tables  # noqa: F401 - registers its table with the metadata
from authsvc.cli.failures import CommandFailed
from authsvc.cli.grants import IN_SCRIPTS, TABLES, database_grants, redis_grants
from authsvc.kit.database import Database, metadata
from authsvc.kit.outage import Outage
from authsvc.kit.redis import RedisClient

ROLE, USER, ACL_PASSWORD = 'least "of all"', "least", "canary-acl-password"
SOURCE = Path(__file__).parents[2] / "src/authsvc"


async def run_as_owner(database_url: str, script: str) -> None:
    url = make_url(database_url)
    connection = await asyncpg.connect(
        host=str(url.query["host"]), port=int(str(url.query["port"])), user=url.username, password="",
        database=url.database, ssl=False,
    )  # fmt: skip
    try:
        await connection.execute(script)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
async def least(servers: Urls) -> AsyncIterator[Urls]:
    """The same servers, as the role and the user that were given what is printed."""
    quoted = '"least ""of all"""'
    await run_as_owner(servers.database, f"CREATE ROLE {quoted} LOGIN NOSUPERUSER")
    too_much = f"GRANT SELECT ON users TO {quoted}; GRANT ALL ON audit_events TO {quoted}"
    await run_as_owner(servers.database, too_much)
    await run_as_owner(servers.database, database_grants(ROLE))
    admin = RedisClient.connect(servers.redis, timeout=30, max_connections=1)
    words = redis_grants(USER, "authsvc").replace(">PASSWORD", f">{ACL_PASSWORD}").split(" ")
    assert await admin.execute(*words) == b"OK"
    database = make_url(servers.database).set(username=ROLE).render_as_string(hide_password=False)
    yield Urls(database, servers.redis.replace("unix://", f"unix://{USER}:{ACL_PASSWORD}@"))
    await admin.close()


@pytest.fixture
async def service(least: Urls) -> AsyncIterator[Service]:
    app = create_app(served_here(least, sessions_per_user=3))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield Service(client)


# A108
async def test_a_day_of_a_user_needs_nothing_more(service):
    client = service.client
    assert (await client.get("/readyz")).json()["dependencies"] == {
        "database": "ok", "redis": "ok", "signing_keys": "ok"
    }  # fmt: skip
    login = await service.sign_up("ada")
    assert (await service.try_login("ada", NEW_PASSWORD)).status_code == 401
    assert await service.shows_user(login)
    login = await service.refresh(login)
    for _ in range(4):  # one more than there is room for
        other = await service.log_in("ada")
    login = await service.log_in("ada")
    renamed = await client.patch("/user", json={"name": "Ada"}, headers=login.bearer)
    assert renamed.status_code == 200
    assert len((await client.get("/sessions", headers=login.bearer)).json()["sessions"]) == 3
    assert (await client.delete(f"/sessions/{other.session_id}", headers=login.bearer)).status_code == 204
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await client.post("/user/password", json=change, headers=login.bearer)).status_code == 204
    for scope in ("others", "all"):
        assert (await service.log_out(login, scope)).status_code == 204
    login = await service.log_in("ada", NEW_PASSWORD)
    assert (await service.log_out(login)).status_code == 204
    login = await service.log_in("ada", NEW_PASSWORD)
    gone = await client.request("DELETE", "/user", json={"password": NEW_PASSWORD}, headers=login.bearer)
    assert gone.status_code == 204
    assert (await client.get("/.well-known/jwks.json")).status_code == 200


def test_operators_do_their_work_with_it_too(least, env, tmp_path):
    env |= {"AUTHSVC_DATABASE_URL": least.database, "AUTHSVC_REDIS_URL": least.redis}
    assert authsvc("keys", "rotate", where=tmp_path, env=env).returncode == 0
    assert authsvc("doctor", where=tmp_path, env=env).returncode == 0
    assert (
        authsvc("users", "disable", "nobody", where=tmp_path, env=env).stderr
        == "authsvc: There is no such user.\n"
    )
    pruned = authsvc("audit", "prune", where=tmp_path, env=env)
    assert pruned.stderr.startswith("authsvc: The role of AUTHSVC_DATABASE_URL may not delete")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id INTEGER)",
        "ALTER TABLE users ADD COLUMN admin BOOLEAN",
        "DROP TABLE audit_events",
        "DROP TRIGGER keep_audit_events ON audit_events",
        "ALTER TABLE audit_events DISABLE TRIGGER ALL",
        "TRUNCATE audit_events",
        "TRUNCATE users CASCADE",
        "UPDATE audit_events SET reason = 'nothing'",
        "DELETE FROM audit_events",
        "SELECT * FROM audit_events",
        "UPDATE signing_keys SET active_from = now()",
        "DELETE FROM alembic_version",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY users TO PROGRAM 'cat'",
        "CREATE ROLE other SUPERUSER",
    ],
)
# A103, A108
async def test_the_role_may_not(least, statement):
    database = Database(least.database)
    try:
        with pytest.raises(Outage) as refused:
            async with database.write() as connection:
                await connection.execute(text(statement))
    finally:
        await database.close()
    said = str(refused.value.__cause__)
    assert re.search("permission denied|must be owner|InsufficientPrivilege", said), said


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "other:key"), ("SET", "other:key", "1"), ("HGET", "authsvc2:x", "f"),
        ("EVAL", "return redis.call('GET', KEYS[1])", 1, "other:key"),
        ("EVAL", "return redis.call('FLUSHALL')", 0), ("EVAL", "return redis.call('KEYS', '*')", 0),
        ("CONFIG", "GET", "*"), ("CONFIG", "SET", "dir", "/"), ("FLUSHALL",), ("FLUSHDB",), ("KEYS", "*"),
        ("SCAN", 0), ("ACL", "LIST"), ("SHUTDOWN",), ("MONITOR",),
        ("REPLICAOF", "NO", "ONE"), ("SCRIPT", "FLUSH"), ("MODULE", "LIST"), ("CLIENT", "LIST"),
        ("RANDOMKEY",),
    ],
)  # fmt: skip
# A108
async def test_the_redis_user_may_not(least, command):
    redis = RedisClient.connect(least.redis, timeout=30, max_connections=1)
    try:
        with pytest.raises(Outage) as refused:
            await redis.execute(*command)
    finally:
        await redis.close()
    said = str(refused.value.__cause__)
    assert re.search("NOPERM|No permissions|ACL failure|no permissions", said), said


def test_every_table_is_granted_something_on_purpose():
    assert set(TABLES) == {*metadata.tables, "alembic_version"}


def test_what_scripts_call_is_what_is_allowed():
    called = {
        command.lower()
        for script in SOURCE.rglob("*.lua")
        for command in re.findall(r"redis\.p?call\('([A-Za-z]+)'", script.read_text(encoding="utf-8"))
    }
    assert called == set(IN_SCRIPTS)


@pytest.mark.parametrize("name", ["", "a b\n", "\x00"])
def test_a_name_that_cannot_be_is_refused(name):
    with pytest.raises(CommandFailed):
        database_grants(name)
    with pytest.raises(CommandFailed):
        redis_grants(name, "authsvc")


def test_both_are_printed_for_these_settings(env, tmp_path):
    printed = authsvc("grants", "database", ROLE, where=tmp_path, env=env)
    assert (printed.returncode, printed.stdout) == (0, database_grants(ROLE) + "\n")
    printed = authsvc("grants", "redis", USER, where=tmp_path, env=env | {"AUTHSVC_REDIS_PREFIX": "sso"})
    assert (printed.returncode, printed.stdout) == (0, redis_grants(USER, "sso") + "\n")
    assert " ~sso:* " in printed.stdout
