"""What happens to a service whose servers go away and come back."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from authsvc.kit.database import Database
from authsvc.kit.redis import RedisClient

_closing: set[asyncio.Task[None]] = set()


@contextmanager
def without_redis(redis: RedisClient) -> Iterator[None]:
    """Meanwhile nobody listens where Redis should be."""
    gone = RedisClient.connect("redis://127.0.0.1:1/0", timeout=0.25, max_connections=4)
    with _replaced(redis, gone, but="_met"):
        yield


@contextmanager
def without_database(database: Database) -> Iterator[None]:
    """Meanwhile nobody listens where the database should be."""
    gone = Database("postgresql+asyncpg://nobody@/nothing?host=/nonexistent")
    with _replaced(database, gone, but="url"):
        yield


@contextmanager
def _replaced(client: Any, gone: Any, but: str) -> Iterator[None]:
    """Let ``client`` be as ``gone``, with all that it knows of its server."""
    kept = dict(vars(client))
    vars(client).update({name: value for name, value in vars(gone).items() if name != but})
    try:
        yield
    finally:
        vars(client).update(kept)
        closing = asyncio.get_running_loop().create_task(gone.close())
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)
