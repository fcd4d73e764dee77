"""The one door to Redis (or Valkey): deadlines on everything, no silent retries, one kind of failure."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ReadOnlyError, RedisClusterException, RedisError, ResponseError

from authsvc.kit.lua import Script
from authsvc.kit.outage import Outage
from authsvc.kit.redis_url import open_client

Argument = bytes | str | int
"""What a command may be given."""


class RedisClient:
    """Sends commands and scripts; replies are raw (``bytes``, ``int``, ``list``, ``None``).

    Nothing is ever sent twice: a command whose reply was lost may have taken effect, so only the caller
    can tell whether trying again is right. The single exception is NOSCRIPT, which says that nothing ran.
    Every failure is an `Outage`.
    """

    def __init__(
        self, client: Redis | RedisCluster, *, timeout: float = 1.0, max_connections: int = 64
    ) -> None:
        self._client = client
        self._send: Callable[..., Awaitable[Any]] = client.execute_command
        self._timeout = timeout
        self._free = asyncio.Semaphore(max_connections)
        self._met: set[str] = set()

    @classmethod
    def connect(cls, url: str, *, timeout: float, max_connections: int) -> Self:
        """Prepare a client for ``url`` (see `redis_url`); the first command connects.

        ``timeout`` (seconds) bounds each of: waiting for a free connection, connecting, one reply.
        """
        met: set[str] = set()

        async def on_connect(connection: AbstractConnection) -> None:
            met.add(await _identify(connection))

        inner = open_client(url, timeout=timeout, max_connections=max_connections, on_connect=on_connect)
        client = cls(inner, timeout=timeout, max_connections=max_connections)
        client._met = met
        return client

    @property
    def met(self) -> frozenset[str]:
        """What the servers that ever answered are known by; see `_identify`."""
        return frozenset(self._met)

    async def execute(self, *command: Argument) -> Any:
        """Run one command."""
        async with self._turn():
            return await self._send(*command)

    async def run(self, script: Script, keys: Sequence[Argument], args: Sequence[Argument]) -> Any:
        """Run ``script`` atomically; it is sent in full only where the server does not know it yet."""
        async with self._turn():
            try:
                return await self._send("EVALSHA", script.sha, len(keys), *keys, *args)
            except NoScriptError:
                return await self._send("EVAL", script.source, len(keys), *keys, *args)

    async def facts(self, section: str) -> dict[str, str]:
        """Return what INFO says in ``section`` (of a cluster: of its default node); {} if it says nothing."""
        async with self._turn():
            try:
                reply = await self._send("INFO", section)
            except ResponseError:
                return {}
        return {name: str(value) for name, value in reply.items()}

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                await self._free.acquire()
            try:
                yield
            finally:
                self._free.release()
        except (RedisError, RedisClusterException, OSError) as error:
            if isinstance(error, ReadOnlyError) and isinstance(self._client, Redis):
                # This server was demoted: the name that led to it may lead to the new primary by now.
                await self._client.connection_pool.disconnect(inuse_connections=False)
            raise Outage("redis") from error


async def _identify(connection: AbstractConnection) -> str:
    """Set a new connection up, and return what tells this server apart from any other, past or future.

    A restart changes ``run_id``, a promotion ``master_replid``: in both cases writes that were acknowledged
    before may be gone.
    """
    await connection.on_connect()
    await connection.send_command("INFO", "server")
    await connection.send_command("INFO", "replication")
    facts = _facts(await connection.read_response()) | _facts(await connection.read_response())
    identity = f"{facts.get('run_id')} {facts.get('master_replid')}"
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def _facts(reply: Any) -> dict[str, str]:
    lines = (line.partition(":") for line in reply.decode().splitlines())
    return {name: value for name, colon, value in lines if colon}
