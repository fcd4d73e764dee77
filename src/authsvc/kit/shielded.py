"""Work that must not stop half-way because nobody waits for it any more."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work``; if the caller is cancelled meanwhile, let it finish first, then be cancelled."""
    loop = asyncio.get_running_loop()
    task, done = loop.create_task(work), loop.create_future()

    def tell(_: object) -> None:
        if not task.cancelled():
            task.exception()  # it counts as looked at, even if the caller has left
        if not done.done():
            done.set_result(None)

    task.add_done_callback(tell)  # as asyncio.shield does, with less around it
    try:
        await done
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    return task.result()
