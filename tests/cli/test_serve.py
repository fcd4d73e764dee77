import asyncio
import json
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from tests.cli.running import SECRET, Running, authsvc, environment, free_port, running, started

from authsvc.kit.redis import RedisClient

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)

WHOLE = {
    "secret_key": SECRET,
    "database_url": "sqlite+aiosqlite:///none.db",
    "redis_url": "redis://127.0.0.1:1",
}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"secret_key": "changeme"}, "AUTHSVC_SECRET_KEY is too weak"),
        ({"wokers": "2"}, "There is no setting AUTHSVC_WOKERS. Did you mean AUTHSVC_WORKERS?"),
    ],
    ids=["weak", "misspelt"],
)
def test_settings_that_cannot_be_used_are_refused_in_a_sentence(settings, sentence, tmp_path):
    refused = authsvc("serve", where=tmp_path, env=environment(**(WHOLE | settings)))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"authsvc: {sentence}")
    assert "Traceback" not in refused.stderr


# A109
def test_a_store_over_a_network_without_verified_tls_is_refused(tmp_path):
    open_ways = {
        "database_url": "postgresql+asyncpg://ada:canary@192.0.2.1/a?ssl=require",
        "redis_url": "redis://192.0.2.1",
    }
    env = environment(**(WHOLE | open_ways), port="0")
    for words in (("serve",), ("migrate",), ("users", "disable", "ada")):
        refused = authsvc(*words, where=tmp_path, env=env)
        assert refused.returncode == 1
        database, redis = refused.stderr.splitlines()
        assert database.startswith(
            "authsvc: AUTHSVC_DATABASE_URL leads over a network without TLS that checks"
        )
        assert redis.startswith("AUTHSVC_REDIS_URL leads over a network without TLS that checks")
        assert "canary" not in refused.stderr
    examined = authsvc("doctor", where=tmp_path, env=env)
    assert examined.returncode == 1
    assert examined.stdout.count("leads over a network") == 2
    # A worker that somebody else's server starts refuses as well.
    worker = subprocess.run(
        [sys.executable, "-c", "from authsvc.app import from_environment; from_environment()"],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "InvalidSettings: AUTHSVC_DATABASE_URL leads over a network" in worker.stderr


def test_a_store_on_a_network_of_ones_own_may_be_allowed(tmp_path):
    env = environment(**WHOLE | {"redis_url": "redis://192.0.2.1"}, insecure_stores="true")
    assert authsvc("migrate", where=tmp_path, env=env).returncode == 0


def test_all_that_is_missing_is_told_at_once(tmp_path):
    refused = authsvc("serve", where=tmp_path, env=environment())
    assert refused.returncode == 1
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL"):
        assert f"AUTHSVC_{name} is not set." in refused.stderr


def test_a_port_in_use_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = authsvc("serve", where=tmp_path, env=environment(**WHOLE, port=str(port)))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"authsvc: Port {port} on 127.0.0.1 is in use.")
    assert refused.stderr.count("\n") == 1


def test_one_process_stops_in_order(env, tmp_path):
    with running("serve", tmp_path, env | {"AUTHSVC_PORT": str(free_port())}) as service:
        assert httpx.get(f"{service.url}/docs").status_code == 404  # off, unless asked for
        service.wait_until_said(listening_at(service), 1)
        assert service.stop(signal.SIGTERM) == 0
    assert "Traceback" not in service.said
    assert '"level": "warning"' not in service.said


def listening_at(service: Running, workers: int = 1) -> str:
    url = service.url.replace("127.0.0.1", "localhost")
    return f'"url": "{url}", "workers": {workers}}}'


def test_what_it_starts_without_is_told_with_the_cause(tmp_path):
    """Nothing answers here: it starts all the same, and says of each why."""
    env = environment(**WHOLE | {"redis_url": "redis://:canary@127.0.0.1:1"}, port=str(free_port()))
    with started("serve", tmp_path, env) as service:
        service.wait_until_said('"event": "listening"', 1)
        told = [json.loads(line) for line in service.said.splitlines()]
        assert service.stop(signal.SIGTERM) == 0
    warned = {line["dependency"]: line for line in told if line["level"] == "warning"}
    assert warned["database"]["state"] == "schema_outdated"
    assert "authsvc migrate" in warned["database"]["advice"]
    assert "127.0.0.1:1" in warned["redis"]["cause"]
    assert warned["signing_keys"]["cause"] == "needs the database"
    assert "canary" not in service.said


async def test_a_redis_that_evicts_is_told_at_start(env, servers, tmp_path):
    redis = RedisClient.connect(servers.redis, timeout=5, max_connections=1)
    await redis.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        with started("serve", tmp_path, env | {"AUTHSVC_PORT": str(free_port())}) as service:
            await asyncio.to_thread(service.wait_until_said, '"event": "listening"', 1)
            assert await asyncio.to_thread(service.stop, signal.SIGTERM) == 0
    finally:
        await redis.execute("CONFIG", "SET", "maxmemory-policy", "noeviction")
        await redis.close()
    (line,) = [line for line in service.said.splitlines() if "dependency_unfit" in line]
    assert json.loads(line)["state"] == "unsafe_store_policy"
    assert "noeviction" in json.loads(line)["advice"]
