"""What PostgreSQL and Valkey hold, row by row and key by key, so that a change can be named."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import text
from tests.support.stores import kind_of

from authsvc.kit.database import Database
from authsvc.kit.redis import RedisClient

_HOUSEKEEPING = frozenset({"alembic_version"})


@dataclass(frozen=True)
class State:
    """``rows``: (table, digest of a row) -> how often. ``keys``: name -> (kind, digest and deadline)."""

    rows: Mapping[tuple[str, str], int]
    keys: Mapping[str, tuple[str, str]]


async def look(database: Database, redis: RedisClient) -> State:
    """Read all of it, but for the counters of attempts: those are there to change."""
    rows = {}
    async with database.read() as connection:
        names = await connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        for (table,) in names.all():
            if table not in _HOUSEKEEPING:
                query = f"SELECT md5(t::text), count(*) FROM {table} t GROUP BY 1"  # noqa: S608  (a name of ours)
                for digest, count in (await connection.execute(text(query))).all():
                    rows[table, digest] = count
    keys = {}
    for raw in await redis.execute("KEYS", "*"):
        name = raw.decode()
        kind = kind_of(name)
        if kind:
            value = await redis.execute("DUMP", raw)
            deadline = await redis.execute("PEXPIRETIME", raw)
            if value is not None:  # it has not expired meanwhile
                keys[name] = kind, f"{hashlib.sha256(value).hexdigest()} {deadline}"
    return State(rows, keys)


async def forget_attempts(redis: RedisClient) -> None:
    """Let every case begin with all its attempts."""
    names = [raw for raw in await redis.execute("KEYS", "*") if not kind_of(raw.decode())]
    if names:
        await redis.execute("DEL", *names)


def changes(before: State, after: State) -> Iterator[tuple[str, str]]:
    """Yield what differs: the table or the kind of key, and a sentence.

    A user's record is a copy with a short life: that it comes and goes is no change, only another value is.
    """
    for table, digest in before.rows.keys() | after.rows.keys():
        had, has = before.rows.get((table, digest), 0), after.rows.get((table, digest), 0)
        if had != has:
            yield table, f"{table}: a row was {'added or changed' if has > had else 'removed or changed'}"
    for name in before.keys.keys() | after.keys.keys():
        old, new = before.keys.get(name), after.keys.get(name)
        kind = (old or new or ("", ""))[0]
        if kind == "record":
            old, new = _value_of(old or new), _value_of(new or old)
        if old != new:
            yield (
                kind,
                f"{kind} {name} was {'added' if old is None else 'removed' if new is None else 'changed'}",
            )


def _value_of(key: tuple[str, str] | None) -> tuple[str, str] | None:
    return None if key is None else (key[0], key[1].split(" ")[0])
