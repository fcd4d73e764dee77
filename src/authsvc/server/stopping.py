"""One process that serves, and how it stops: first it says so, then it takes nobody new, then it goes."""

import asyncio
import socket
import time
from datetime import timedelta
from types import FrameType

import structlog
import uvicorn

from authsvc.api.health import WITHDRAW

_log = structlog.get_logger(__name__)
_AT_ONCE = timedelta()


class OrderlyServer(uvicorn.Server):
    """uvicorn's server, which turns nobody away without notice.

    1. Told to stop (SIGTERM, SIGINT), it calls itself unready, and ends each connection with the next answer
       there. For ``delay`` it takes new ones and serves everything, so that load balancers notice in time.
    2. After that, or told again, it takes no new connection. What is under way or just arriving is answered.
    3. What is still under way after uvicorn's ``timeout_graceful_shutdown`` is answered 503.

    Told once more in the second step, by SIGINT, it leaves at once.
    """

    def __init__(self, config: uvicorn.Config, delay: timedelta = _AT_ONCE) -> None:
        super().__init__(config)
        self._delay = delay
        self._deaf_at: float | None = None
        self._withdrawn = False

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self.should_exit or self._deaf_at is not None

    def stop(self) -> None:
        """Begin to stop. From any thread, and from a signal's handler: it only leaves word."""
        if not self.started or not self._delay:
            self.should_exit = True
        elif self._deaf_at is None:
            self._deaf_at = time.monotonic() + self._delay.total_seconds()

    def hurry(self) -> None:
        """Likewise, without the rest of the delay."""
        self.should_exit = True

    # What uvicorn calls

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at a signal; hurry at the second."""
        if self.is_stopping:
            super().handle_exit(sig, frame)
            return
        self._captured_signals.append(sig)
        self.stop()

    async def on_tick(self, counter: int) -> bool:
        """Do what is due: called ten times a second."""
        if self._deaf_at is not None:
            self._withdraw()
            if time.monotonic() >= self._deaf_at:
                self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connection, see those that there are to their end, and close the application."""
        self._withdraw()
        await self._take_the_last(sockets or [])
        await super().shutdown(sockets)

    async def _wait_tasks_to_complete(self) -> None:
        try:
            await super()._wait_tasks_to_complete()
        except asyncio.CancelledError:  # the time for it is over, and next uvicorn cancels what is under way
            for connection in tuple(self.server_state.connections):
                connection.give_up()  # type: ignore[union-attr]  # all are of our own kind
            raise

    # How

    def _withdraw(self) -> None:
        if self._withdrawn:
            return
        self._withdrawn = True
        withdraw = self.lifespan.state.get(WITHDRAW)
        if withdraw is not None:
            withdraw()
        self.config.http.is_leaving = True  # type: ignore[union-attr]  # the gate
        _log.info("stopping", delay=0 if self.should_exit else self._delay.total_seconds())

    async def _take_the_last(self, sockets: list[socket.socket]) -> None:
        """Stop listening, but let in who is in the kernel's queue already: the kernel would reset them."""
        doors = [each.dup() for each in sockets if each.fileno() >= 0]
        for server in self.servers:
            server.close()
        waiting: list[socket.socket] = []
        for door in doors:
            door.settimeout(0)
            try:
                while len(waiting) < self.config.backlog:
                    waiting.append(door.accept()[0])
            except OSError:  # nobody is there any more
                pass
            finally:
                door.close()
        for listener in sockets:
            listener.close()
        loop = asyncio.get_running_loop()
        for one in waiting:
            one.settimeout(0)
            try:
                await loop.connect_accepted_socket(self._make_connection, one)
            except OSError:  # it went away by itself
                one.close()

    def _make_connection(self) -> asyncio.Protocol:
        make = self.config.http_protocol_class
        made: asyncio.Protocol = make(  # type: ignore[call-arg]  # as uvicorn calls it
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made
