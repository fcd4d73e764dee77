import asyncio
import json
import signal
import socket

import httpx
import pytest
from tests.cli.running import SECRET, Running, authsvc, environment, free_port, running, started

from authsvc.kit.redis import RedisClient

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)

WHOLE = {"secret_key": SECRET, "database_url": "sqlite+aiosqlite:///none.db", "redis_url": "redis://nobody"}


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
