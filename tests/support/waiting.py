"""Waiting for what happens by itself."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(holds: Callable[[], bool | Awaitable[bool]], within: float = 20) -> None:
    """Return once ``holds()`` is true; fail if it does not become so."""
    async with asyncio.timeout(within):
        while True:
            now = holds()
            if now if isinstance(now, bool) else await now:
                return
            await asyncio.sleep(0.01)
