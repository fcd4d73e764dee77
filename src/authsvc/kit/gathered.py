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
        self._coming: dict[K, asyncio.Future[V | None]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def __call__(self, key: K) -> V | None:
        """Return what is found for ``key``; at most ``most`` keys are asked for together."""
        answer = self._coming.get(key)
        if answer is None:
            loop = asyncio.get_running_loop()
            if not self._coming:
                loop.call_soon(self._go)
            answer = self._coming[key] = loop.create_future()
            if len(self._coming) >= self._most:
                self._go()
        return await asyncio.shield(answer)

    def _go(self) -> None:
        if self._coming:
            # In a context of its own: it belongs to none of those who asked, and uses up nobody's time.
            task = asyncio.get_running_loop().create_task(self._answer(self._coming), context=Context())
            self._coming = {}
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _answer(self, asked: Mapping[K, "asyncio.Future[V | None]"]) -> None:
        try:
            found = await self._ask(asked)
        except Exception as error:
            for answer in asked.values():
                answer.set_exception(error)
                answer.exception()  # it counts as looked at, even if everybody has left
        else:
            for key, answer in asked.items():
                answer.set_result(found.get(key))
        finally:
            for answer in asked.values():
                answer.cancel()  # does nothing unless this was cancelled
