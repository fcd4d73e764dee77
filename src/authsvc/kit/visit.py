"""A connection for a while: when its time is over it is broken off, so that nobody waits for it longer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from authsvc.kit.allowance import Allowance, allowance_of_request
from authsvc.kit.outage import is_closed_transport
from authsvc.kit.seats import Seats, break_off, throw_away


class Visit:
    """Takes a seat and a connection of ``engine``, and leaves both at the end; a ``hot`` one to its kind.

    After ``timeout`` seconds, waiting for the connection included, PostgreSQL's is broken off: whatever waits
    for an answer fails at once, and so does a rollback, which a cancellation would have to wait for. What
    fails so is a `TimeoutError`. The visits of one request share these seconds (see `Allowance`).
    """

    connection: AsyncConnection

    def __init__(self, seats: Seats, engine: AsyncEngine, timeout: float | None, *, hot: bool) -> None:
        self._seats = seats
        self._engine = engine
        self._timeout = timeout
        self._hot = hot
        self._is_late = False
        self._began = 0.0
        self._allowance: Allowance | None = None
        self._end: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        if self._timeout is None:
            await self._take()
            return self
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        self._allowance = allowance_of_request(self._timeout)
        seconds = self._timeout if self._allowance is None else self._allowance.left
        if seconds <= 0:
            raise TimeoutError
        ends_at = self._began + seconds
        left = await self._seats.take_left() if self._hot else None
        if left is not None:
            self.connection = left
        else:
            async with asyncio.timeout_at(ends_at):
                await self._take()
        self._end = loop.call_at(ends_at, self._expire)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        was_lost = self._is_lost()
        try:
            if self._is_late or was_lost or isinstance(error, TimeoutError | asyncio.CancelledError):
                await asyncio.shield(self._leave_nothing())
            else:
                await self._seats.leave(self.connection, hot=self._hot and error is None)
        finally:
            if self._end is not None:
                self._end.cancel()
                if self._allowance is not None:
                    self._allowance.left -= asyncio.get_running_loop().time() - self._began
        if self._is_late and isinstance(error, DBAPIError | OSError | AttributeError):
            raise TimeoutError from error
        if is_closed_transport(error) or (was_lost and isinstance(error, AttributeError)):
            raise ConnectionResetError from error  # asyncpg goes on with what it no longer has

    @asynccontextmanager
    async def thrown_away_if_interrupted(self) -> AsyncIterator[None]:
        """Throw the connection away, before anything is asked of it again, where the block is interrupted."""
        try:
            yield
        except (TimeoutError, asyncio.CancelledError):
            await asyncio.shield(throw_away(self.connection))
            raise

    async def _take(self) -> None:
        try:
            self.connection = await self._seats.take(self._engine, hot=self._hot)
        except RuntimeError as error:
            if is_closed_transport(error):
                raise ConnectionResetError from error
            raise

    async def _leave_nothing(self) -> None:
        try:
            await throw_away(self.connection)
        finally:
            await self._seats.leave(self.connection, hot=False)

    def _expire(self) -> None:
        self._is_late = True
        self._break_off()

    def _is_lost(self) -> bool:
        inner = self.connection.sync_connection
        if inner is None or inner.closed or inner.invalidated:
            return True
        is_closed = getattr(inner.connection.driver_connection, "is_closed", None)
        return is_closed is not None and bool(is_closed())

    def _break_off(self) -> None:
        inner = self.connection.sync_connection
        if inner is not None and not (inner.closed or inner.invalidated):
            break_off(inner.connection.dbapi_connection)
