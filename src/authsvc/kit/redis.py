"""The one door to Redis (or Valkey): deadlines on everything, no silent retries, one kind of failure."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Self

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoPermissionError, NoScriptError, ResponseError

from authsvc.kit.lua import Script
from authsvc.kit.outage import Outage
from authsvc.kit.redis_cluster import ClusterConnections
from authsvc.kit.redis_failures import FAILURES, InfoRefused, cause_of, kind_of
from authsvc.kit.redis_url import close_client, open_client
from authsvc.kit.shared_connection import SharedConnection

Argument = bytes | str | int
"""What a command may be given."""

MAX_UNDER_WAY = 10_000
"""More than a process can serve in the time that Redis is given to reply; some megabytes at most."""


class RedisClient:
    """Sends commands and scripts; replies are raw (``bytes``, ``int``, ``list``, ``None``).

    Nothing is ever sent twice: a command whose reply was lost may have taken effect, so only the caller
    can tell whether trying again is right. The single exception is NOSCRIPT, which says that nothing ran.
    Every failure is an `Outage`.

    One server, also one found by Sentinel, is talked to through a `SharedConnection`. A cluster, and whatever
    else behaves like a client of redis-py, through that client.
    """

    def __init__(
        self, client: Redis | RedisCluster, *, timeout: float = 1.0, max_connections: int = 64
    ) -> None:
        self._client = client
        self._sender: SharedConnection | ClusterConnections | _Turns
        if isinstance(client, RedisCluster):
            self._sender = ClusterConnections(client, timeout, max_connections)
        else:
            self._sender = _Turns(client, timeout, max_connections)
        self._met: set[str] = set()

    @classmethod
    def connect(
        cls, url: str, *, timeout: float, max_connections: int, max_under_way: int = MAX_UNDER_WAY
    ) -> Self:
        """Prepare a client for ``url`` (see `redis_url`); the first command connects.

        ``timeout`` (seconds) bounds each of: waiting for one's turn, connecting, one reply. One server is
        sent at most ``max_under_way`` commands at once; a cluster is given ``max_connections`` connections.
        """
        met: set[str] = set()

        async def on_connect(connection: AbstractConnection) -> None:
            met.add(await _identify(connection))

        inner = open_client(url, timeout=timeout, max_connections=max_connections, on_connect=on_connect)
        client = cls(inner, timeout=timeout, max_connections=max_connections)
        client._met = met
        if isinstance(inner, Redis):
            make = inner.connection_pool.make_connection
            client._sender = SharedConnection(make, timeout=timeout, most_under_way=max_under_way)
        return client

    @property
    def met(self) -> AbstractSet[str]:
        """What the servers that ever answered are known by; see `_identify`."""
        return self._met

    async def execute(self, *command: Argument) -> Any:
        """Run one command; each word of it is an argument of its own."""
        try:
            return await self._sender.send(*command)
        except FAILURES as error:
            raise Outage("redis", kind_of(error)) from cause_of(error)

    async def execute_together(self, *commands: Sequence[Argument]) -> list[Any]:
        """Run commands in one round trip, in order; others' may come between them."""
        try:
            return await self._sender.send_together(*commands)
        except FAILURES as error:
            raise Outage("redis", kind_of(error)) from cause_of(error)

    async def run(self, script: Script, keys: Sequence[Argument], args: Sequence[Argument]) -> Any:
        """Run ``script`` atomically; it is sent in full only where the server does not know it yet."""
        try:
            try:
                return await self._sender.send("EVALSHA", script.sha, len(keys), *keys, *args)
            except NoScriptError:
                return await self._sender.send("EVAL", script.source, len(keys), *keys, *args)
        except FAILURES as error:
            raise Outage("redis", kind_of(error)) from cause_of(error)

    async def facts(self, section: str) -> dict[str, str]:
        """Return what INFO says in ``section``, of a cluster that of one node; {} if it says nothing."""
        return (await self.facts_of_nodes(section))[0]

    async def facts_of_nodes(self, section: str) -> list[dict[str, str]]:
        """Return what INFO says in ``section``, for each node that can be reached; {} if it says nothing."""
        try:
            if isinstance(self._sender, ClusterConnections):
                replies = await self._sender.ask_each_node("INFO", section)
            else:
                replies = [await self._sender.send("INFO", section)]
        except ResponseError as error:
            if _is_refusal(error):
                raise Outage("redis", "configuration") from InfoRefused(str(error))
            return [{}]
        except FAILURES as error:
            raise Outage("redis", kind_of(error)) from cause_of(error)
        return [_facts(each) if isinstance(each, bytes) else _as_text(each) for each in replies]

    async def close(self) -> None:
        """Close every connection."""
        await self._sender.close()
        await close_client(self._client)


class _Turns:
    """A client of redis-py for one server, asked for no more than it has connections."""

    def __init__(self, client: Redis, timeout: float, max_connections: int) -> None:
        self._client = client
        self._timeout = timeout
        self._free = asyncio.Semaphore(max_connections)

    async def send(self, *command: Argument) -> Any:
        async with asyncio.timeout(self._timeout):
            await self._free.acquire()
        try:
            return await self._client.execute_command(*command)  # type: ignore[no-untyped-call]  # likewise untyped
        finally:
            self._free.release()

    async def send_together(self, *commands: Sequence[Argument]) -> list[Any]:
        # One by one: to follow a slot that moves, redis-py sends ASKING and the command by themselves,
        # and two callers at once can come between each other's.
        return [await self.send(*command) for command in commands]

    async def close(self) -> None:
        """Nothing is under way."""


async def _identify(connection: AbstractConnection) -> str:
    """Set a new connection up, and return what tells this server apart from any other, past or future.

    A restart changes ``run_id``, a promotion ``master_replid``: in both cases writes that were acknowledged
    before may be gone.
    """
    await connection.on_connect()
    await connection.send_command("INFO", "server")
    await connection.send_command("INFO", "replication")
    try:
        facts = _facts(await connection.read_response()) | _facts(await connection.read_response())
    except ResponseError as error:
        raise InfoRefused(str(error)) from error
    identity = f"{facts.get('run_id')} {facts.get('master_replid')}"
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def _is_refusal(error: ResponseError) -> bool:
    return isinstance(error, NoPermissionError) or str(error).startswith("NOPERM")


def _facts(reply: Any) -> dict[str, str]:
    lines = (line.partition(":") for line in reply.decode().splitlines())
    return {name: value for name, colon, value in lines if colon}


def _as_text(parsed: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in parsed.items()}
