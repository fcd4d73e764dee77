"""What every fault has: a name, a sentence, a way in and a way out."""

import asyncio
import contextlib
from typing import ClassVar

from tests.faults.stack import Stack


class Fault:
    """Something that goes wrong for a while.

    ``inject`` returns when it has begun, ``heal`` when its cause is gone; the service finds out by itself.
    """

    name: ClassVar[str]
    sentence: ClassVar[str]
    of: ClassVar[str]
    """What fails: redis, postgres, both, process or world."""
    silence_is_allowed: ClassVar[bool] = False
    """Whether connections of clients may close without an answer: where processes end or lack sockets."""
    lateness_is_allowed: ClassVar[bool] = False
    """Whether a 503 may come late: only where the process that owes it stands still, or has yet to start."""
    sessions_may_vanish: ClassVar[bool] = False
    clock_lies: ClassVar[bool] = False
    needs_world: ClassVar[bool] = False

    async def inject(self, stack: Stack) -> None:
        """Begin."""
        raise NotImplementedError

    async def heal(self, stack: Stack) -> None:
        """End."""
        raise NotImplementedError


class Repeated(Fault):
    """A fault that happens again and again: each time it is `happen`."""

    pause: ClassVar[float] = 0.1

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self.times = 0

    async def inject(self, stack: Stack) -> None:
        await self.prepare(stack)
        self._task = asyncio.create_task(self._again(stack))

    async def heal(self, stack: Stack) -> None:
        assert self._task is not None
        self._over.set()  # not cancelled: clients swallow that at times
        await self._task
        await self.clean_up(stack)

    async def _again(self, stack: Stack) -> None:
        while not self._over.is_set():
            await self.happen(stack)
            self.times += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), self.pause)

    async def prepare(self, stack: Stack) -> None:
        """Do what is done once before."""

    async def happen(self, stack: Stack) -> None:
        """Do it once."""
        raise NotImplementedError

    async def clean_up(self, stack: Stack) -> None:
        """Do what is done once after."""
