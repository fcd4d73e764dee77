"""A log of what may happen ten thousand times a second: the first at once, then one line a second."""

import asyncio
from collections.abc import Mapping
from contextvars import Context
from typing import Any, Final, Literal

_EVERY: Final = 1.0
"""Seconds that one line tells of."""
_MOST: Final = 50
"""Different lines in that time; all others count as one that says less."""


class SparingLog:
    """Writes to ``log`` (structlog's) at one level."""

    def __init__(self, log: Any, level: Literal["error", "warning"] = "error") -> None:
        self._log = log
        self._level = level
        self._more: dict[tuple[object, ...], int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def tell(self, event: str, where: Mapping[str, Any], **facts: str) -> None:
        """Log it if nothing like it, but for ``where``, was just logged; else count it for the next line."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # another has taken its timers along
            self._loop = loop
            self._more.clear()
        like = (event, *facts.items())
        if like not in self._more and len(self._more) >= _MOST:
            like, facts, where = (event,), {}, {}
        if like in self._more:
            self._more[like] += 1
            return
        self._write(event, **facts, **where)
        self._count(loop, like, event, facts)

    def _write(self, event: str, **values: Any) -> None:
        getattr(self._log, self._level)(event, **values)

    def _count(
        self, loop: asyncio.AbstractEventLoop, like: tuple[object, ...], event: str, facts: Mapping[str, str]
    ) -> None:
        self._more[like] = 0
        # In a context of its own: the sum belongs to no single request.
        loop.call_later(_EVERY, self._sum_up, loop, like, event, facts, context=Context())

    def _sum_up(
        self, loop: asyncio.AbstractEventLoop, like: tuple[object, ...], event: str, facts: Mapping[str, str]
    ) -> None:
        if loop is self._loop and (more := self._more.pop(like)):
            self._write(event, **facts, more=more)
            self._count(loop, like, event, facts)
