import asyncio
import fcntl
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from redis.asyncio import Redis
from sqlalchemy.engine import make_url

OWNER = Path(__file__).with_name("owner.py")
SOURCES = Path(__file__).parents[2] / "src"


def environment() -> dict[str, str]:
    """For a Python process that finds the same packages as we do."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCES), *filter(None, sys.path)])}


@asynccontextmanager
async def database(url: str) -> AsyncIterator[asyncpg.Connection]:
    parts = make_url(url)
    connection = await asyncpg.connect(
        host=parts.query["host"],
        port=int(str(parts.query["port"])),
        user=parts.username,
        database=parts.database,
        ssl=False,
    )
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def redis(url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(url, decode_responses=True) as client:
        yield client


async def socket_of(url: str) -> Path:
    """The path of the socket that Valkey itself says it listens on."""
    async with redis(url) as client:
        return Path(str((await client.config_get("unixsocket"))["unixsocket"]))


def process_in(lock: Path) -> int:
    return int(lock.read_text())


async def wait_until_free(lock: Path) -> None:
    """Returns when the server and all processes of its own have ended; the test's timeout is the limit."""

    def wait() -> None:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    await asyncio.to_thread(wait)


@dataclass(frozen=True, slots=True)
class Owner:
    process: asyncio.subprocess.Process
    database_url: str
    redis_url: str


StartOwner = Callable[[Path], Awaitable[Owner]]
