"""Questions that come up in the same turn of the event loop, asked together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import Context
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Gathered(Generic[K, V]):
    """Answers one key at a time, by asking for all keys of one turn of the event loop at once.

    ``ask`` is given each key once, and returns what it found; a key that it leaves out is answered None. It
    begins after every key that it is given was asked for, so an answer is never older than its question.
    Where it raises, all who asked get that error. Who stops waiting stops nobody else.
    """

    def __init__(self, ask: Callable[[Iterable[K]], Awaitable[Mapping[K, V]]], *, most: int) -> None:
        self._ask = ask
        self._most = most
        self._coming: dict[K, list[asyncio.Future[V | None]]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def __call__(self, key: K) -> "asyncio.Future[V | None]":
        """Return what is found for ``key``, to be awaited; at most ``most`` keys are asked for together."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[V | None] = loop.create_future()
        if not self._coming:
            loop.call_soon(self._go)
        self._coming.setdefault(key, []).append(answer)
        if len(self._coming) >= self._most:
            self._go()
        return answer

    def _go(self) -> None:
        if self._coming:
            # In a context of its own: it belongs to none of those who asked, and uses up nobody's time.
            task = asyncio.get_running_loop().create_task(self._answer(self._coming), context=Context())
            self._coming = {}
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _answer(self, asked: "Mapping[K, list[asyncio.Future[V | None]]]") -> None:
        waiting = [(key, answer) for key, answers in asked.items() for answer in answers]
        try:
            found = await self._ask(asked)
        except Exception as error:
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
                    answer.exception()  # it counts as looked at, even if its caller leaves now
        else:
            for key, answer in waiting:
                if not answer.done():
                    answer.set_result(found.get(key))
        finally:
            for _, answer in waiting:
                answer.cancel()  # does nothing unless this was cancelled
