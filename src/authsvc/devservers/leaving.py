"""SIGTERM told as cancellation, as ``asyncio.run`` already does for Ctrl-C."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def sigterm_leaves() -> Iterator[None]:
    """Within the block SIGTERM cancels the current task; leaving the block then is ``SystemExit(143)``.

    For the main thread only. A plain handler, not ``loop.add_signal_handler``: the latter would also fire
    while a server inside the block (uvicorn) has its own handler installed and is draining.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is None:
        raise RuntimeError("sigterm_leaves needs a task to cancel")
    told = False

    def tell(_signal: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True
        loop.call_soon_threadsafe(task.cancel)

    before = signal.signal(signal.SIGTERM, tell)
    try:
        yield
    except asyncio.CancelledError:
        if told:
            raise SystemExit(128 + signal.SIGTERM) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
