"""The service as it runs in production: two processes, one PostgreSQL, one Valkey."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.races.connection import Instance
from tests.support.stores import Urls

from authsvc.environment import load
from authsvc.kit.clock import utc_now
from authsvc.kit.database import Database
from authsvc.kit.redis import RedisClient
from authsvc.settings import Settings
from authsvc.wiring import Flows, wire

ATTEMPTS = 10
PREFIX = "races"
_PATIENCE = 30.0  # seconds until an instance is ready
_POLL = 0.05


@dataclass(frozen=True)
class RunningService:
    """Two instances that are asked over HTTP, and a third one in this process for what operators do."""

    instances: tuple[Instance, Instance]
    operator: Flows
    settings: Settings
    database: Database
    redis: RedisClient


@asynccontextmanager
async def run_service(urls: Urls, secret: str, folder: Path) -> AsyncIterator[RunningService]:
    """Start two instances on stores that are there and migrated."""
    ports = (_free_port(), _free_port())
    variables = {
        "AUTHSVC_SECRET_KEY": secret,
        "AUTHSVC_DATABASE_URL": urls.database,
        "AUTHSVC_REDIS_URL": urls.redis,
        "AUTHSVC_REDIS_PREFIX": PREFIX,
        # Rounds are about order, not about time: nothing runs out, and a busy machine is waited for.
        "AUTHSVC_REFRESH_GRACE": "5m",
        "AUTHSVC_REDIS_TIMEOUT": "10s",
        "AUTHSVC_DATABASE_TIMEOUT": "30s",
        "AUTHSVC_DATABASE_CONNECTIONS": "32",
        "AUTHSVC_HASHING_QUEUE_LENGTH": "1000",
        "AUTHSVC_HASHING_QUEUE_TIMEOUT": "60s",
        "AUTHSVC_HASHING_NICENESS": "0",
        "AUTHSVC_SESSIONS_PER_USER": "1000",
        "AUTHSVC_ATTEMPTS_PER_ACCOUNT": str(ATTEMPTS),
        "AUTHSVC_ATTEMPTS_PER_ACCOUNT_AND_ADDRESS": str(ATTEMPTS),
        "AUTHSVC_ATTEMPTS_FIRST_WAIT": "1h",
        "AUTHSVC_ATTEMPTS_OVERALL": "1000000",
        "AUTHSVC_LOGINS_PER_ACCOUNT": "1000000",
        "AUTHSVC_ATTEMPTS_PER_ADDRESS": "1000000",
        "AUTHSVC_REGISTRATIONS_PER_ADDRESS": "1000000",
        "AUTHSVC_LOG_LEVEL": "error",
        "AUTHSVC_SHUTDOWN_DELAY": "0",
    }
    settings = load(variables)
    database, redis = Database(urls.database), RedisClient.connect(urls.redis, timeout=10, max_connections=16)
    operator = wire(settings, database, redis, utc_now)
    await operator.maintain()
    processes = [await _start(variables, port, folder / f"instance-{port}.log") for port in ports]
    first, second = (Instance(port) for port in ports)
    try:
        await asyncio.gather(*(map(_wait_until_ready, (first, second), processes)))
        yield RunningService((first, second), operator, settings, database, redis)
    finally:
        await first.close()
        await second.close()
        await asyncio.gather(*map(_stop, processes))
        operator.hasher.close()
        await redis.close()
        await database.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def _start(variables: Mapping[str, str], port: int, log: Path) -> asyncio.subprocess.Process:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSVC_")}
    inherited["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    output = await asyncio.to_thread(log.open, "wb")
    with output:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "authsvc", "serve",
            env={**inherited, **variables, "AUTHSVC_PORT": str(port)}, stdout=output, stderr=output,
        )  # fmt: skip


async def _wait_until_ready(instance: Instance, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not await instance.is_ready():
            if process.returncode is not None:
                raise RuntimeError(f"an instance stopped at once with status {process.returncode}")
            await asyncio.sleep(_POLL)  # another process: there is nothing to wait on


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
