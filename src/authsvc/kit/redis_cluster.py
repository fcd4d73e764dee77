"""A cluster's client of redis-py, with deadlines for all of it, and no waiting for nodes that are down."""

import asyncio
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, Final

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException
from redis.exceptions import TimeoutError as RedisTimeoutError

from authsvc.kit.circuit import Circuit
from authsvc.kit.outage import is_closed_transport

_PATIENCE: Final = 3
"""How many timeouts one command may take: to learn who serves it, to connect, to be answered."""

_SILENCE = (RedisConnectionError, RedisTimeoutError)


class ClusterConnections:
    """Asks for no more than there are connections, and waits in vain for no node twice.

    After a node was silent it is asked anew; while it stays so, what belongs to its slots is refused at once
    until it answers or a replica has taken over. Who no longer waits disturbs nothing: a command that was
    sent is awaited to the end, so that its connection can serve the next one.
    """

    def __init__(self, client: RedisCluster, timeout: float, max_connections: int) -> None:
        self._client = client
        self._timeout = timeout
        self._free = asyncio.Semaphore(max_connections)
        self._whole = Circuit("redis", self._learn_who_serves)
        self._under_way: set[asyncio.Future[Any]] = set()
        self._nodes: dict[str, Circuit] = {}
        """Of nodes that were silent, by name."""

    async def send(self, *command: bytes | str | int) -> Any:
        """Return the reply; nothing is sent again but where a node said that it serves the key no longer."""
        self._whole.check()
        if self._nodes:
            self._check_node(command)
        return await self._in_time(self._client.execute_command(*command))

    async def send_together(self, *commands: Sequence[bytes | str | int]) -> list[Any]:
        """Return the replies to several commands, sent one after the other.

        While a slot moves, redis-py sends ASKING and then the command, and another of the same moment could
        take the connection in between.
        """
        return [await self.send(*command) for command in commands]

    async def ask_each_node(self, *command: bytes | str | int) -> list[Any]:
        """Return what the nodes that can be reached say, replicas too; raise if there is none."""
        await self._in_time(self._client.initialize())
        await self._in_time(self._learn_who_serves())  # nodes may have joined since
        ask = self._client.execute_command
        asked = [self._in_time(ask(*command, target_nodes=node)) for node in self._client.get_nodes()]
        replies = await asyncio.gather(*asked, return_exceptions=True)
        heard = [each for each in replies if not isinstance(each, (*_SILENCE, TimeoutError))]
        for each in heard or replies:
            if isinstance(each, BaseException):
                raise each
        return heard

    async def close(self) -> None:
        """Find out no more, and end what is under way. The client is closed by its owner."""
        await asyncio.gather(self._whole.stop(), *(each.stop() for each in self._nodes.values()))
        for work in self._under_way:
            work.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)
        # The client closes nothing itself while it means to learn its nodes anew, as after a failure.
        for each in ("nodes_cache", "startup_nodes"):
            await self._client.nodes_manager.aclose(each)

    async def _in_time(self, asking: Coroutine[Any, Any, Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                await self._free.acquire()
        except BaseException:
            asking.close()
            raise
        work = asyncio.ensure_future(asking)
        self._under_way.add(work)
        work.add_done_callback(self._done)
        await asyncio.wait([work], timeout=_PATIENCE * self._timeout)
        if not work.done():
            self._whole.suspect()
            raise TimeoutError
        if not work.cancelled() and is_closed_transport(work.exception()):
            raise RedisConnectionError("the connection broke") from work.exception()
        return work.result()

    def _done(self, work: "asyncio.Future[Any]") -> None:
        self._free.release()
        self._under_way.discard(work)
        error = None if work.cancelled() else work.exception()
        if isinstance(error, _SILENCE) and (name := getattr(error, "last_failed_node_name", None)):
            if name not in self._nodes:
                self._nodes[name] = Circuit("redis", partial(self._ask_node, name))
            self._nodes[name].suspect()
        elif isinstance(error, (*_SILENCE, RedisClusterException)):
            self._whole.suspect()

    async def _learn_who_serves(self) -> None:
        """Ask any node for the slots; one that answers is enough."""
        async with asyncio.timeout(2 * len(self._client.get_nodes() or ".") * self._timeout):
            await self._client.nodes_manager.initialize()

    async def _ask_node(self, name: str) -> None:
        node = self._client.get_node(node_name=name)
        if node is not None:  # else it is no part of the cluster any more
            try:
                await self._ping(node)
            except _SILENCE:
                await self._learn_who_serves()  # a replica may have taken over
                raise
        self._nodes.pop(name, None)

    async def _ping(self, node: ClusterNode) -> None:
        async with asyncio.timeout(_PATIENCE * self._timeout):
            await self._client.execute_command("PING", target_nodes=node)

    def _check_node(self, command: Sequence[bytes | str | int]) -> None:
        key = _key_of(command)
        node = None if key is None else self._client.get_node_from_key(key)
        if node is not None and node.name in self._nodes:
            self._nodes[node.name].check()


def _key_of(command: Sequence[bytes | str | int]) -> Any:
    """Return the first key of a command as this service sends them; None if it has none."""
    match command:
        case ["EVAL" | "EVALSHA", _, number, *rest]:
            return rest[0] if number else None
        case ["INFO" | "PING" | "TIME" | "SCRIPT", *_] | [_]:
            return None
        case _:
            return command[1]
