"""How a URL and limits become an engine of SQLAlchemy: PostgreSQL by asyncpg, SQLite by aiosqlite."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Self

import asyncpg
from sqlalchemy import NullPool, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_STATEMENT: Final = 0.75
"""The share of a visit that one statement may take."""
_LOCK: Final = 0.9
"""The share of a statement that waiting for a lock may take: so the log tells which of the two it was."""
_GOODBYE: Final = 0.1
"""Seconds that PostgreSQL has to close a connection; drivers and SQLAlchemy would wait longer."""


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """How long and how many; times in seconds."""

    pool_size: int = 10
    pool_timeout: float = 1.0
    connect_timeout: float = 2.0
    command_timeout: float = 5.0
    """For one statement or one lock, kept by PostgreSQL itself and, in case it is silent, by the client."""
    visit_timeout: float | None = None
    """For all of it together, from asking for a connection to its return. Not for SQLite, which is here."""

    @classmethod
    def within(cls, seconds: float, *, pool_size: int) -> Self:
        """Return limits for visits of so many seconds.

        PostgreSQL gives a statement up before the visit ends, so that its connection can be kept.
        """
        return cls(pool_size, seconds, seconds, _STATEMENT * seconds, seconds)


def create_engine(url: str, limits: DatabaseLimits) -> AsyncEngine:
    """Return an engine with a pool; it connects when it is first used."""
    return _create(url, limits, pool_size=limits.pool_size, max_overflow=0, pool_timeout=limits.pool_timeout)


def create_engine_without_pool(url: str, limits: DatabaseLimits) -> AsyncEngine:
    """Return an engine that connects anew for each use."""
    return _create(url, limits, poolclass=NullPool)


def _create(url: str, limits: DatabaseLimits, **pooling: Any) -> AsyncEngine:
    pooling["hide_parameters"] = True  # an error's text may be logged; what was stored may not
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_async_engine(url, connect_args={"timeout": limits.command_timeout}, **pooling)
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    if "pool_size" in pooling:
        pooling["pool_use_lifo"] = True
    milliseconds = str(int(limits.command_timeout * 1000))
    return create_async_engine(
        url,
        connect_args={
            "connection_class": _Connection,
            "timeout": limits.connect_timeout,
            "command_timeout": limits.visit_timeout or limits.command_timeout,
            "server_settings": {
                "application_name": "authsvc",
                "jit": "off",  # planning costs more than these statements
                "statement_timeout": milliseconds,
                "lock_timeout": str(int(_LOCK * limits.command_timeout * 1000)),
                "idle_in_transaction_session_timeout": milliseconds,
            },
        },
        **pooling,
    )


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """Closes in time even if nobody is there to hear it."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  (asyncpg's signature)
        del timeout
        async with asyncio.timeout(_GOODBYE):
            await super().close()


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's BEGIN below is the only one
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    """Take the write lock at once: a reader that turns writer half-way could only fail."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
