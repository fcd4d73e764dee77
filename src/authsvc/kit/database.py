"""The one door to the SQL database: PostgreSQL through asyncpg, or SQLite through aiosqlite."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import DateTime, Dialect, MetaData, TypeDecorator, event, text
from sqlalchemy.exc import DataError, DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from authsvc.kit.allowance import allowance_of_request
from authsvc.kit.circuit import Circuit, Refused
from authsvc.kit.database_failures import kind_of, means_absence
from authsvc.kit.engines import DatabaseLimits, create_engine, create_engine_without_pool
from authsvc.kit.outage import Outage
from authsvc.kit.prepared import Prepared, driver_of
from authsvc.kit.seats import Seats, break_off
from authsvc.kit.visit import Visit

T = TypeVar("T")

__all__ = ["Database", "DatabaseLimits", "UtcDateTime", "metadata"]

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


_LIMITS: Final = DatabaseLimits()
_FAILURES: Final = (Refused, DBAPIError, PoolTimeoutError, OSError)


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


class Database:
    """Connections to one database. Every failure but a violated constraint is an `Outage`.

    A connection whose command timed out or was cancelled is thrown away, never given to somebody else. Once
    one turned out to be lost, all that were connected before are replaced before they are used again.

    After a visit that got no connection or no answer, a new connection is asked whether the server is there.
    If it is not, everybody is refused at once until it is (see `Circuit`).
    """

    def __init__(self, url: str, limits: DatabaseLimits = _LIMITS) -> None:
        self.url = url
        self.engine = create_engine(url, limits)
        self.is_sqlite: Final = self.engine.dialect.name == "sqlite"
        """Whether this is SQLite and not PostgreSQL."""
        self._unpooled = create_engine_without_pool(url, limits)
        self._visit_timeout = None if self.is_sqlite else limits.visit_timeout
        self._attempt_timeout = limits.visit_timeout or limits.connect_timeout
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._circuit = Circuit("database", self._ask_anew)
        self._times_lost = 0
        self._seats = Seats(limits.pool_size, limits.pool_timeout, self._still_serves)
        event.listen(self.engine.sync_engine, "connect", self._mark)
        event.listen(self.engine.sync_engine, "checkout", self._refuse_old)

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Give a connection on which every statement stands alone: no BEGIN, no COMMIT to wait for."""
        return self._visit(self._autocommit, in_transaction=False)

    def write_alone(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Give a connection for one statement that changes something: PostgreSQL commits it by itself.

        On SQLite, where what is one statement elsewhere may take several, it is a transaction.
        """
        return self.write() if self.is_sqlite else self.read()

    async def run(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Run a statement that stands alone, and return its rows; what it changes is committed."""
        if self.is_sqlite:
            async with self.read() if statement.reads_only else self.write() as connection:
                return await statement.run(connection, values)
        try:  # as `_visit`, with less around it; SQLAlchemy sends no BEGIN of its own
            self._circuit.check()
            async with Visit(self._seats, self.engine, self._visit_timeout, hot=True) as visit:
                return await statement.run(visit.connection, values)
        except _FAILURES as error:
            self._raise_outage(error)
            raise

    async def await_visit(self, answer: "asyncio.Future[T]") -> T:
        """Wait for what a task of nobody's asks, as if it was a visit of the request that is being served."""
        allowance = None if self._visit_timeout is None else allowance_of_request(self._visit_timeout)
        if allowance is None:
            return await answer
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            if allowance.left == self._visit_timeout:  # its first visit: the task's own deadline is the same
                return await answer
            async with asyncio.timeout(allowance.left):
                return await answer
        except TimeoutError as late:
            raise Outage("database", "timeout") from late
        finally:
            allowance.left -= loop.time() - began

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Give a connection in a transaction: committed when the block ends, rolled back when it raises."""
        return self._visit(self.engine, in_transaction=True)

    async def close(self) -> None:
        """Close every connection."""
        await self._circuit.stop()
        await self._seats.close()
        await self.engine.dispose()
        await self._unpooled.dispose()

    @asynccontextmanager
    async def _visit(self, engine: AsyncEngine, *, in_transaction: bool) -> AsyncIterator[AsyncConnection]:
        try:
            self._circuit.check()
            async with Visit(self._seats, engine, self._visit_timeout, hot=False) as visit:
                if not in_transaction:
                    yield visit.connection
                    return
                async with visit.connection.begin(), visit.thrown_away_if_interrupted():
                    yield visit.connection
        except _FAILURES as error:
            self._raise_outage(error)
            raise

    def _raise_outage(self, error: Exception) -> None:
        """Raise the outage that ``error`` tells of; nothing where what was asked does not fit."""
        if isinstance(error, Refused):
            raise Outage("database", kind_of(error.cause)) from error.cause
        if isinstance(error, IntegrityError | DataError):
            return  # the store's business, or a defect
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            self._times_lost += 1
        if not self.is_sqlite and means_absence(error):
            self._circuit.suspect()
        raise Outage("database", kind_of(error)) from error

    async def _ask_anew(self) -> None:
        """Ask on a connection of its own whether the server answers; one that is full has answered."""
        try:
            async with asyncio.timeout(self._attempt_timeout), self._unpooled.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (DBAPIError, OSError) as error:
            if means_absence(error):
                raise

    def _mark(self, _: object, record: ConnectionPoolEntry) -> None:
        record.info["age"] = self._age

    @property
    def _age(self) -> tuple[int, int]:
        return self._circuit.times_opened, self._times_lost

    def _still_serves(self, connection: AsyncConnection) -> bool:
        """Whether a connection that was left may be used: as `_refuse_old`, and not if it was closed."""
        inner = connection.sync_connection
        if inner is None or inner.closed or inner.invalidated or driver_of(connection).is_closed():
            self._times_lost += 1
            return False
        return bool(inner.connection.info["age"] == self._age)

    def _refuse_old(self, connection: Any, record: ConnectionPoolEntry, _: object) -> None:
        """Replace what was connected before the last outage: nobody would tell whether it still works."""
        if record.info["age"] != self._age:
            break_off(connection)
            raise DisconnectionError
