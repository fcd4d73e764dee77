"""What happens to a service whose servers go away and come back."""

from collections.abc import Iterator
from contextlib import contextmanager

from authsvc.kit.database import Database
from authsvc.kit.redis import RedisClient


@contextmanager
def without_redis(redis: RedisClient) -> Iterator[None]:
    """Meanwhile nobody listens where Redis should be."""
    gone = RedisClient.connect("redis://127.0.0.1:1/0", timeout=0.25, max_connections=4)
    kept = redis._client, redis._sender
    redis._client, redis._sender = gone._client, gone._sender
    try:
        yield
    finally:
        redis._client, redis._sender = kept


@contextmanager
def without_database(database: Database) -> Iterator[None]:
    """Meanwhile nobody listens where the database should be."""
    gone = Database("postgresql+asyncpg://nobody@/nothing?host=/nonexistent")
    kept = database.engine, database._autocommit
    database.engine, database._autocommit = gone.engine, gone._autocommit
    try:
        yield
    finally:
        database.engine, database._autocommit = kept
