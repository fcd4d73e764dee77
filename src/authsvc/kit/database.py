"""The one door to the SQL database: PostgreSQL through asyncpg, or SQLite through aiosqlite."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, MetaData, TypeDecorator, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from authsvc.kit.outage import Outage

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
"""The tables of all rooms register here, so that one migration history describes them."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, on SQLite too, which would drop the offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive datetime; hand on UTC."""
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what was stored, aware."""
        del dialect
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """How long and how many; times in seconds."""

    pool_size: int = 10
    pool_timeout: float = 1.0
    connect_timeout: float = 2.0
    command_timeout: float = 5.0


class Database:
    """Connections to one database. Every failure but a violated constraint is an `Outage`.

    A connection whose command timed out or was cancelled is thrown away, never given to somebody else.
    """

    def __init__(self, url: str, limits: DatabaseLimits = DatabaseLimits()) -> None:
        self.url = url
        self.engine = _engine(url, limits)
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite and not PostgreSQL."""
        return self.engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection on which every statement stands alone: no BEGIN, no COMMIT to wait for."""
        async with (
            _outages(),
            self._autocommit.connect() as connection,
            _discard_if_interrupted(connection),
        ):
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction: committed when the block ends, rolled back when it raises."""
        async with (
            _outages(),
            self.engine.connect() as connection,
            _discard_if_interrupted(connection),
            connection.begin(),
        ):
            yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _engine(url: str, limits: DatabaseLimits) -> AsyncEngine:
    options: dict[str, Any] = {
        "pool_size": limits.pool_size,
        "max_overflow": 0,
        "pool_timeout": limits.pool_timeout,
        "hide_parameters": True,  # an error's text may be logged; what was stored may not
    }
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_async_engine(url, connect_args={"timeout": limits.command_timeout}, **options)
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    milliseconds = str(int(limits.command_timeout * 1000))
    return create_async_engine(
        url,
        pool_use_lifo=True,
        connect_args={
            "timeout": limits.connect_timeout,
            "command_timeout": limits.command_timeout,
            "server_settings": {
                "application_name": "authsvc",
                "jit": "off",  # planning costs more than these statements
                "statement_timeout": milliseconds,
                "lock_timeout": milliseconds,
                "idle_in_transaction_session_timeout": milliseconds,
            },
        },
        **options,
    )


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


@asynccontextmanager
async def _discard_if_interrupted(connection: AsyncConnection) -> AsyncIterator[None]:
    try:
        yield
    except (TimeoutError, asyncio.CancelledError):
        await asyncio.shield(connection.invalidate())
        raise


@asynccontextmanager
async def _outages() -> AsyncIterator[None]:
    try:
        yield
    except (IntegrityError, DataError):
        raise  # what was asked does not fit: the store's business, or a defect
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        raise Outage("database") from error
