"""Makes a flow wait before each call of a store, so that a test decides what happens between two of them."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from authsvc.sessions.store import SessionStore
from authsvc.users.store import UserStore

Seen = Callable[[str, tuple[Any, ...], Any], None]
"""Told of every call of a store that returned: its name, its arguments, its result."""


class Turnstile:
    """Lets calls through one at a time, or, once it stands open, all of them."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._tickets = asyncio.Semaphore(0)
        self._open = False
        self.passed = asyncio.Event()

    async def pass_through(self, name: str, call: Callable[[], Awaitable[Any]], args: tuple[Any, ...]) -> Any:
        if not self._open:
            await self._tickets.acquire()
        result = await call()
        self._seen(name, args, result)
        self.passed.set()
        return result

    def let_one_through(self) -> None:
        self.passed.clear()
        self._tickets.release()

    def stay_open(self) -> None:
        self._open = True
        self._tickets.release()  # for the call that waits already


class StoreBehindTurnstile:
    """The store itself, but each of its methods waits for its turn."""

    def __init__(self, store: UserStore | SessionStore, turnstile: Turnstile) -> None:
        self._store = store
        self._turnstile = turnstile

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._store, name)

        async def wait_and_call(*args: Any, **named: Any) -> Any:
            return await self._turnstile.pass_through(name, lambda: method(*args, **named), args)

        return wait_and_call


def behind(turnstile: Turnstile, flow: Any) -> Any:
    """Return the flow, and the flows that it is made of, with its stores behind the turnstile."""
    changed = {}
    for field in dataclasses.fields(flow):
        part = getattr(flow, field.name)
        if isinstance(part, UserStore | SessionStore):
            changed[field.name] = StoreBehindTurnstile(part, turnstile)
        elif type(part).__module__.startswith("authsvc.flows"):
            changed[field.name] = behind(turnstile, part)
    return dataclasses.replace(flow, **changed)


class Request:
    """A flow under way, one call of a store at a time."""

    def __init__(self, flow: Any, seen: Seen, *args: Any) -> None:
        self._turnstile = Turnstile(seen)
        self._task: asyncio.Task[Any] = asyncio.create_task(behind(self._turnstile, flow)(*args))

    async def one_step(self) -> None:
        """Let it call a store once; if it is over already, it has nothing left to do."""
        self._turnstile.let_one_through()
        passed = asyncio.create_task(self._turnstile.passed.wait())
        await asyncio.wait({self._task, passed}, return_when=asyncio.FIRST_COMPLETED)
        passed.cancel()

    async def answer(self) -> Any:
        """Let it do all that is left; return or raise what it does."""
        self._turnstile.stay_open()
        return await self._task
