"""What the connections of one process share: how many there may be, and who looks after them."""

from asyncio import AbstractEventLoop, TimerHandle
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from authsvc.errors import Overloaded
from authsvc.server import limits
from authsvc.server.connection import Connection


class Gate:
    """Makes each connection: what uvicorn takes for ``http=``. Every worker process has its own copy."""

    def __init__(self, max_connections: int) -> None:
        self.is_leaving = False
        """Whether each connection ends with its next answer."""
        self._max_connections = max_connections
        self._next_look: TimerHandle | None = None

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> Connection:
        """Return what serves one connection."""
        return Connection(self, config, server_state, app_state, _loop)

    def enter(self, connection: Connection) -> None:
        """Let ``connection`` in if there is room; otherwise tell it so, or close it."""
        excess = len(connection.connections) - self._max_connections
        if excess > limits.TURNED_AWAY:
            connection.transport.abort()
        elif excess > 0:
            connection.refuse(Overloaded())
        if self._next_look is None:
            self._plan(connection.loop, connection.connections)

    def _plan(self, loop: AbstractEventLoop, connections: set[Any]) -> None:
        self._next_look = loop.call_later(limits.LOOK, self._look, loop, connections)

    def _look(self, loop: AbstractEventLoop, connections: set[Any]) -> None:
        now = loop.time()
        for connection in tuple(connections):
            connection.look(now)
        self._next_look = None
        if connections:
            self._plan(loop, connections)
