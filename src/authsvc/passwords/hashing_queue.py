"""A short queue in front of a few low-priority threads: the one place where hashes are computed.

Hashing takes tens of milliseconds of one core. On the event loop it would stop every other request; in an
unbounded queue, a flood of logins would be worked off long after everybody gave up. So there are few
threads, the queue is short, waiting is limited, and what nobody waits for is dropped before it begins.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from authsvc.errors import Overloaded

P = ParamSpec("P")
T = TypeVar("T")

_REST: Final = 30.0
"""How much longer than others kept it waiting for a core a thread rests then, during a flood."""
_SHORT_TURNS: Final = 0.1
"""The share of a hash's time that others may have without a rest: refusals take it, in short turns."""
_LONGEST_REST: Final = 2.0
_FLOOD_LASTS: Final = 2.0
"""Seconds after the last refusal until a flood counts as over."""
_WEIGHT: Final = 0.3
"""Of the last hash, in what a hash is thought to take."""
_HOPE: Final = 0.8
"""The share of its time that work may be expected to wait: what is left is for being wrong."""
_STANDING: Final = 0.2
"""Seconds of work that may wait during a flood: a longer queue serves nobody sooner."""


class HashingQueue:
    """``threads`` works at a time, ``length`` more waiting, each for at most ``timeout`` seconds.

    Work that would probably have to wait longer, by what the last hashes took, is refused at once, or given
    up as soon as that is known. During a flood, when work has been refused lately, fewer wait.

    ``niceness`` is the threads' scheduling priority on Linux (nice(2)), so that short requests go first.
    Elsewhere, and where the system forbids it, they run at normal priority. During a flood they also
    rest after each hash for which they had to wait for a core: who logs in may wait then, but nobody else
    shall notice. On cores that nobody else wants, they do not rest.

    ``prepare`` is called on each thread before its first work.
    """

    def __init__(
        self,
        *,
        threads: int,
        length: int,
        timeout: float,
        niceness: int,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self._threads = threads
        self._capacity = threads + length
        self._timeout = timeout
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="hashing", initializer=_begin, initargs=(niceness, prepare)
        )
        self._jobs: dict[Future[Any], None] = {}  # running or waiting, in order; each change is atomic
        self._takes = 0.0  # seconds, as far as is known
        self._flooded_until = 0.0
        self._of_thread = threading.local()
        self._closed = threading.Event()

    @property
    def is_full(self) -> bool:
        """Whether more work would be refused now. Who asks has some, so that it counts as refused."""
        before, now = len(self._jobs), time.monotonic()
        full = before >= min(self._capacity, self._room(_STANDING if now < self._flooded_until else None))
        if full:
            self._flooded_until = now + _FLOOD_LASTS
        return full

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work`` on one of the threads, with the caller's context variables, and return its result.

        Raises `Overloaded` at once when the queue is full or closed, and when the work has not begun in
        time. Then, as when the caller is cancelled before it begins, the work never runs.
        """
        if self.is_full:
            raise Overloaded
        context, loop = copy_context(), asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        try:
            job = self._executor.submit(self._compute, lambda: context.run(work, *args, **kwargs))
        except RuntimeError as error:
            raise Overloaded from error  # closed
        self._jobs[job] = None
        job.add_done_callback(partial(self._hand_over, loop, answer))
        end = loop.call_later(self._timeout, job.cancel)
        try:
            return await answer
        finally:
            end.cancel()
            job.cancel()  # what has not begun by now never will

    def close(self) -> None:
        """Take no more work and drop what waits; its callers are told `Overloaded`. Returns at once."""
        self._closed.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _room(self, seconds: float | None = None) -> int:
        """Return how many jobs, running or waiting, are probably done in so many seconds; more than run."""
        served = self._threads * (seconds or _HOPE * self._timeout) / (self._takes or 1e-6)
        return self._threads + 1 + int(served)

    def _hand_over(
        self, loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[T]", job: Future[T]
    ) -> None:
        """Take ``job`` off the list, on whichever thread it ended. `asyncio.wrap_future` takes more steps."""
        self._jobs.pop(job, None)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, answer, job)

    def _compute(self, work: Callable[[], T]) -> T:
        """Do ``work`` on one of the threads, after a rest if it has to."""
        began = time.monotonic()
        flooded = began < self._flooded_until
        if flooded:
            self._closed.wait(getattr(self._of_thread, "rest", 0.0))
        begun, waited_before = time.monotonic(), _waited() if flooded else 0.0
        try:
            return work()
        finally:
            waited = _waited() - waited_before if flooded else 0.0
            took, worked = time.monotonic() - began, time.monotonic() - begun
            held_up = max(0.0, waited - _SHORT_TURNS * worked)
            self._of_thread.rest = rest = min(_LONGEST_REST, _REST * held_up)
            self._takes += _WEIGHT * (took - self._takes) if self._takes else took
            if rest:
                self._takes = max(self._takes, rest + worked)  # so long the next one will take
            for job in list(self._jobs)[self._room() :]:
                job.cancel()  # it would wait in vain


def _settle(answer: "asyncio.Future[T]", job: Future[T]) -> None:
    if answer.done():
        return  # the caller went away
    if job.cancelled():
        answer.set_exception(Overloaded())  # it was waiting still, in vain, or for a thread that was closed
    elif error := job.exception():
        answer.set_exception(error)
    else:
        answer.set_result(job.result())


def _waited() -> float:
    """Return for how many seconds the calling thread could have run, but others had the cores; 0 if unknown.

    Linux counts it (Documentation/scheduler/sched-stats.rst): nanoseconds run, nanoseconds waited, turns.
    """
    try:
        with open("/proc/thread-self/schedstat", encoding="ascii") as counted:  # noqa: PTH123  (half the time)
            return int(counted.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _begin(niceness: int, prepare: Callable[[], None]) -> None:
    _lower_priority(niceness)
    prepare()


def _lower_priority(niceness: int) -> None:
    """Renice the calling thread: on Linux, and only there, a thread has a priority of its own."""
    if sys.platform != "linux":
        return
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
    except OSError:
        return  # not permitted here; hashing works all the same
