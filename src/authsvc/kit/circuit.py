"""Whoever needs what is known to be down is told so at once, while one attempt finds out when it is back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from random import SystemRandom
from typing import Final

import structlog

from authsvc.kit.outage import told_by

_log = structlog.get_logger(__name__)
_draw = SystemRandom().uniform

_PAUSE: Final = (0.25, 0.75)
"""Seconds between two attempts, from and to: apart from those of other processes."""


class Refused(Exception):
    """What was not even tried, and the failure why."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(told_by(cause))
        self.cause = cause


class Circuit:
    """Closed while ``dependency`` answers. Open from a failure on, until an attempt succeeds.

    ``attempt`` raises where the dependency does not answer, and ends by a deadline of its own. It is made in
    the background, whether anybody asks or not, by one task at a time.
    """

    def __init__(self, dependency: str, attempt: Callable[[], Awaitable[object]]) -> None:
        self.cause: BaseException | None = None
        """Why it is open; None while it is closed."""
        self.times_opened = 0
        self._dependency = dependency
        self._attempt = attempt
        self._opened_at = 0.0
        self._finding_out: asyncio.Task[None] | None = None
        self._stopped = False

    def check(self) -> None:
        """Raise `Refused` while it is open."""
        if self.cause is not None:
            raise Refused(self.cause)

    def open(self, cause: BaseException) -> None:
        """Open it: this is how the dependency failed."""
        if self.cause is None:
            self._opened_at = asyncio.get_running_loop().time()
            self.times_opened += 1
            _log.warning("dependency_lost", dependency=self._dependency, cause=told_by(cause))
        self.cause = cause
        self._find_out()

    def suspect(self) -> None:
        """Let an attempt, begun at once, decide whether to open it: what failed may have failed alone."""
        self._find_out()

    def mend(self) -> None:
        """Close it: the dependency has answered."""
        if self.cause is not None:
            self.cause = None
            lasted = round(asyncio.get_running_loop().time() - self._opened_at, 3)
            _log.warning("dependency_back", dependency=self._dependency, seconds=lasted)

    async def stop(self) -> None:
        """Make no more attempts."""
        self._stopped = True
        if self._finding_out is not None:
            self._finding_out.cancel()
            await asyncio.wait([self._finding_out])

    def _find_out(self) -> None:
        if not self._stopped and (self._finding_out is None or self._finding_out.done()):
            # In a context of its own: it is no part of the request that happened to notice.
            loop = asyncio.get_running_loop()
            self._finding_out = loop.create_task(self._until_it_answers(), context=Context())

    async def _until_it_answers(self) -> None:
        first = self.cause is None
        while first or self.cause is not None:
            if not first:
                await asyncio.sleep(_draw(*_PAUSE))
            first = False
            try:
                await self._attempt()
            except Exception as error:
                self.open(error)
            else:
                self.mend()
