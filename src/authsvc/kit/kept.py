"""Connections that hot statements hand on to each other, without the pool in between."""

import asyncio
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from authsvc.kit.visit import break_off


class KeptConnections:
    """At most ``most`` connections that wait here and not in SQLAlchemy's pool, which goes on counting them.

    To take one out of the pool and give it back costs as much of the processor as the statement. What
    ``serves`` says no to is thrown away and not given to anybody.
    """

    def __init__(self, most: int, serves: Callable[[AsyncConnection], bool]) -> None:
        self._most = most
        self._serves = serves
        self._waiting: list[AsyncConnection] = []
        self._closed = False

    async def take(self) -> AsyncConnection | None:
        """Return the one that was used last; None when there is none."""
        while self._waiting:
            connection = self._waiting.pop()
            if self._serves(connection):
                return connection
            await asyncio.shield(_throw_away(connection))
        return None

    def keep(self, connection: AsyncConnection) -> bool:
        """Keep it for the next; False when it has to go back to the pool."""
        if self._closed or len(self._waiting) >= self._most:
            return False
        self._waiting.append(connection)
        return True

    async def close(self) -> None:
        """Give all of them back, and keep none from now on."""
        self._closed = True
        while self._waiting:
            await self._waiting.pop().close()


async def _throw_away(connection: AsyncConnection) -> None:
    inner = connection.sync_connection
    if inner is not None and not inner.invalidated:
        break_off(inner.connection)
        await connection.invalidate()
    await connection.close()
