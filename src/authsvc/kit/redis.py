"""The one door to Redis (or Valkey): deadlines on everything, no silent retries, one kind of failure."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from authsvc.kit.lua import Script
from authsvc.kit.outage import Outage

Argument = bytes | str | int
"""What a command may be given."""


class RedisClient:
    """Sends commands and scripts; replies are raw (``bytes``, ``int``, ``list``, ``None``).

    Nothing is ever sent twice: a command whose reply was lost may have taken effect, so only the caller
    can tell whether trying again is right. The single exception is NOSCRIPT, which says that nothing ran.
    Every failure is an `Outage`.
    """

    def __init__(self, connection: Redis) -> None:
        self._redis = connection
        self._send: Callable[..., Awaitable[Any]] = connection.execute_command

    @classmethod
    def connect(cls, url: str, *, timeout: float, max_connections: int) -> Self:
        """Prepare a client for ``url``; the first command connects.

        ``timeout`` (seconds) bounds each of: waiting for a free connection, connecting, one reply.
        """
        pool = BlockingConnectionPool.from_url(
            url,
            timeout=timeout,
            max_connections=max_connections,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            decode_responses=False,
        )
        return cls(Redis.from_pool(pool))

    async def execute(self, *command: Argument) -> Any:
        """Run one command."""
        async with _outages():
            return await self._send(*command)

    async def execute_all(self, *commands: Sequence[Argument]) -> list[Any]:
        """Run several commands in one round trip. Not atomic: others may come between."""
        async with _outages():
            pipeline = self._redis.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute()

    async def run(self, script: Script, keys: Sequence[Argument], args: Sequence[Argument]) -> Any:
        """Run ``script`` atomically; it is sent in full only where the server does not know it yet."""
        async with _outages():
            try:
                return await self._send("EVALSHA", script.sha, len(keys), *keys, *args)
            except NoScriptError:
                return await self._send("EVAL", script.source, len(keys), *keys, *args)

    async def ping(self) -> None:
        """Return when the server answers."""
        await self.execute("PING")

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()


@asynccontextmanager
async def _outages() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, RedisClusterException, OSError) as error:
        raise Outage("redis") from error
