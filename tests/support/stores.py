"""What the suites run on: stand-ins (SQLite, fakeredis) and the real servers (PostgreSQL, Valkey)."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from fakeredis import FakeAsyncRedis, FakeServer
from sqlalchemy import text

from authsvc.keyspace import Keyspace, id_text
from authsvc.kit.database import Database, DatabaseLimits, metadata
from authsvc.kit.redis import RedisClient
from authsvc.migrations import migrate

PATIENT = DatabaseLimits(pool_timeout=30, command_timeout=30)
"""A hundred requests at once on a busy machine wait longer for a connection than users should."""


@dataclass(frozen=True)
class Urls:
    database: str
    redis: str  # empty: fakeredis


async def sqlite_template(path: Path) -> Path:
    """Migrate an empty SQLite database once; tests copy it."""
    database = Database(f"sqlite+aiosqlite:///{path}")
    await migrate(database)
    async with database.read() as connection:
        await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    await database.close()
    return path


@asynccontextmanager
async def open_sqlite(template: Path, path: Path) -> AsyncIterator[Database]:
    await asyncio.to_thread(shutil.copy, template, path)
    database = await asyncio.to_thread(Database, f"sqlite+aiosqlite:///{path}", PATIENT)
    yield database
    await database.close()


@asynccontextmanager
async def open_postgres(url: str) -> AsyncIterator[Database]:
    database = Database(url, PATIENT)
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    async with database.write() as connection:
        await connection.execute(text(f"TRUNCATE {tables}"))
    yield database
    await database.close()


@asynccontextmanager
async def open_redis(url: str) -> AsyncIterator[RedisClient]:
    if url:
        client = RedisClient.connect(url, timeout=30, max_connections=64)
        await client.execute("FLUSHDB")
    else:
        client = RedisClient(FakeAsyncRedis(server=FakeServer()), timeout=30)
    yield client
    await client.close()


async def assert_keys_fit(redis: RedisClient, keys: Keyspace) -> None:
    """Every key in Redis is one that the keyspace describes, and has a TTL."""
    for name in await redis.execute("KEYS", "*"):
        assert keys.pattern.fullmatch(name.decode()), f"{name!r} is not in the keyspace"
        # -2 is told of a key that has expired since.
        assert await redis.execute("PTTL", name) != -1, f"{name!r} has no TTL"


_KINDS = {"s": "sessions", "e": "epoch", "r": "record"}


def kind_of(key: str) -> str | None:
    """Return which key of a user this is, as `Keyspace` calls it; None if it is of no user."""
    found = re.fullmatch(r"[^{]+:\{[\w-]{22}\}:([\w-]{22}|[ser])", key)
    return _KINDS.get(found[1], "session") if found else None


async def age_session(
    redis: RedisClient, user_id: UUID, session_id: UUID, by: timedelta, keys: Keyspace | None = None
) -> None:
    """Make a session as old as if ``by`` had passed: the scripts' clock is the server's and cannot be set."""
    keys = keys or Keyspace()
    name = keys.session(user_id, session_id)
    milliseconds = by // timedelta(milliseconds=1)
    for field in ("c", "r", "i", "x"):
        await redis.execute("HINCRBY", name, field, -milliseconds)
    idle = int(await redis.execute("HGET", name, "i"))
    absolute = int(await redis.execute("HGET", name, "x"))
    await redis.execute("ZADD", keys.sessions(user_id), absolute, id_text(session_id))
    await redis.execute("PEXPIREAT", name, min(idle, absolute))
