"""A short queue in front of a few low-priority threads: the one place where hashes are computed.

Hashing takes tens of milliseconds of one core. On the event loop it would stop every other request; in an
unbounded queue, a flood of logins would be worked off long after everybody gave up. So there are few
threads, the queue is short, waiting is limited, and what nobody waits for is dropped before it begins.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from authsvc.errors import Overloaded

P = ParamSpec("P")
T = TypeVar("T")


class HashingQueue:
    """``threads`` works at a time, ``length`` more waiting, each for at most ``timeout`` seconds.

    ``niceness`` is the threads' scheduling priority on Linux (nice(2)), so that short requests go first.
    Elsewhere, and where the system forbids it, they run at normal priority.
    """

    def __init__(self, *, threads: int, length: int, timeout: float, niceness: int) -> None:
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="hashing", initializer=_lower_priority, initargs=(niceness,)
        )
        self._capacity = threads + length
        self._timeout = timeout
        self._jobs: set[Future[Any]] = set()  # running or waiting; add and discard are atomic

    @property
    def is_full(self) -> bool:
        """Whether more work would be refused now."""
        return len(self._jobs) >= self._capacity

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work`` on one of the threads, with the caller's context variables, and return its result.

        Raises `Overloaded` at once when the queue is full or closed, and when the work has not begun in
        time. Then, as when the caller is cancelled before it begins, the work never runs.
        """
        if self.is_full:
            raise Overloaded
        context = copy_context()
        try:
            job = self._executor.submit(lambda: context.run(work, *args, **kwargs))
        except RuntimeError as error:
            raise Overloaded from error  # closed
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        try:
            answer = asyncio.wrap_future(job)
            await asyncio.wait({answer}, timeout=self._timeout)
            if job.cancel():  # still waiting, or dropped by close()
                raise Overloaded
            return await answer
        finally:
            job.cancel()  # the caller went away: what has not begun never will

    def close(self) -> None:
        """Take no more work and drop what waits; its callers are told `Overloaded`. Returns at once."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _lower_priority(niceness: int) -> None:
    """Renice the calling thread: on Linux, and only there, a thread has a priority of its own."""
    if sys.platform != "linux":
        return
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
    except OSError:
        return  # not permitted here; hashing works all the same
