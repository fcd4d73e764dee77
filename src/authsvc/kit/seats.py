"""Who may have a connection: first come, first served; hot statements hand theirs on to each other."""

import asyncio
from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class Seats:
    """A seat for each of the ``number`` connections of SQLAlchemy's pool; whoever has one gets a connection.

    In the pool's own queue those who have just come overtake those who wait. So nobody waits there, but here
    for a seat: ``patience`` seconds at most, after which it is a `TimeoutError`.

    To take a connection out of the pool and to give it back costs as much of the processor as a statement.
    So those who ask for a hot one find the last one of their kind where it was left: out of the pool, which
    goes on counting it. What ``serves`` says no to is thrown away and not given to anybody.
    """

    def __init__(self, number: int, patience: float, serves: Callable[[AsyncConnection], bool]) -> None:
        self._number = number
        self._patience = patience
        self._serves = serves
        self._seats = asyncio.Semaphore(number)
        self._taken = 0
        self._left: list[AsyncConnection] = []
        self._closed = False

    async def take_left(self) -> AsyncConnection | None:
        """Return the one that was left last, at once; None if no seat is free or that one does not serve."""
        if not self._left or self._seats.locked() or not self._serves(self._left[-1]):
            return None
        await self._sit_down()
        return self._left.pop()

    async def take(self, engine: AsyncEngine, *, hot: bool) -> AsyncConnection:
        """Return a connection of ``engine``, or a hot one that was left; `leave` it at the end."""
        await self._sit_down()
        try:
            if hot and (connection := await self._last_left()) is not None:
                return connection
            if self._taken + len(self._left) > self._number:
                await self._give_one_back()  # the pool has no other
            return await engine.connect().start()
        except BaseException:
            self._stand_up()
            raise

    async def leave(self, connection: AsyncConnection, *, hot: bool) -> None:
        """Leave a connection to the next who asks for a hot one; or give it back to the pool."""
        try:
            if hot and not self._closed:
                self._left.append(connection)
            else:
                await connection.close()
        finally:
            self._stand_up()

    async def close(self) -> None:
        """Give back all that were left, and keep none from now on."""
        self._closed = True
        while self._left:
            await self._left.pop().close()

    async def _sit_down(self) -> None:
        if self._seats.locked():
            async with asyncio.timeout(self._patience):
                await self._seats.acquire()
        else:
            await self._seats.acquire()
        self._taken += 1

    def _stand_up(self) -> None:
        self._taken -= 1
        self._seats.release()

    async def _give_one_back(self) -> None:
        connection = self._left.pop(0)
        if self._serves(connection):
            await connection.close()
        else:
            await asyncio.shield(_part_with(connection))

    async def _last_left(self) -> AsyncConnection | None:
        while self._left:
            connection = self._left.pop()
            if self._serves(connection):
                return connection
            await asyncio.shield(_part_with(connection))
        return None


async def throw_away(connection: AsyncConnection) -> None:
    """Break it off, so that the pool will make another in its place; what is broken off already stays so."""
    inner = connection.sync_connection
    if inner is not None and not (inner.closed or inner.invalidated):
        break_off(inner.connection)
        await connection.invalidate()


def break_off(connection: Any) -> None:
    """End PostgreSQL's connection without waiting for anything. SQLite is not far away: nothing to do."""
    terminate = getattr(connection.driver_connection, "terminate", None)
    if terminate is not None:
        terminate()


async def _part_with(connection: AsyncConnection) -> None:
    await throw_away(connection)
    await connection.close()
