"""Valkey in company: a primary with a replica and three sentinels, or a cluster of six, on loopback ports."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from authsvc.devservers.programs import Programs

SERVICE = "authsvc"
_DOWN_AFTER = 400  # milliseconds
_QUIET = MaintNotificationsConfig(enabled=False)
_PATIENCE = 12  # seconds


@dataclass
class Node:
    """One Valkey process that can be killed, paused and started again."""

    folder: Path
    port: int
    sentinel: bool = False
    lines: list[str] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        config = self.folder / "valkey.conf"
        if not config.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            basics = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.folder}"]
            stored = [] if self.sentinel else ['save ""', "appendonly no", "repl-diskless-sync-delay 0"]
            await asyncio.to_thread(config.write_text, "\n".join([*basics, *stored, *self.lines]) + "\n")
        program = await asyncio.to_thread(Programs().find_valkey)
        mode = ["--sentinel"] if self.sentinel else []
        log = await asyncio.to_thread((self.folder / "log").open, "ab")
        self.process = await asyncio.create_subprocess_exec(program, config, *mode, stdout=log, stderr=log)
        log.close()
        await eventually(self.answers)

    async def answers(self) -> bool:
        return await self.ask("PING") is not None

    async def ask(self, *command: str | int | bytes) -> Any:
        """Send one command; None if the node does not answer."""
        client = Redis(
            port=self.port, socket_timeout=1, retry=Retry(NoBackoff(), 0), maint_notifications_config=_QUIET
        )
        try:
            send: Callable[..., Awaitable[Any]] = client.execute_command
            return await send(*command)
        except (RedisError, OSError):
            return None
        finally:
            await client.aclose()

    def send(self, what: signal.Signals) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(what)

    async def kill(self) -> None:
        if self.process is not None:
            self.send(signal.SIGKILL)
            await self.process.wait()

    async def is_primary(self) -> bool:
        facts = await self.ask("INFO", "replication")
        return isinstance(facts, dict) and facts["role"] == "master"

    async def follows(self, primary: "Node") -> bool:
        """Tell whether it has everything that the primary has."""
        mine, theirs = await self.ask("INFO", "replication"), await primary.ask("INFO", "replication")
        return (
            isinstance(mine, dict)
            and isinstance(theirs, dict)
            and mine.get("master_link_status") == "up"
            and mine["slave_repl_offset"] >= theirs["master_repl_offset"]
        )


@dataclass
class Sentinels:
    """A primary, a replica and three sentinels that watch them."""

    nodes: list[Node]
    sentinels: list[Node]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    async def primary(self) -> Node:
        """Return the node that the sentinels name."""
        for sentinel in self.sentinels:
            address = await sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
            if isinstance(address, (list, tuple)):
                return next(node for node in self.nodes if node.port == int(address[1]))
        raise AssertionError("no sentinel answers")

    async def pair(self) -> tuple[Node, Node]:
        """Return the primary, and the replica once it has everything that the primary has."""
        primary = await self.primary()
        [replica] = [node for node in self.nodes if node is not primary]
        await eventually(replica.follows, primary)
        return primary, replica

    async def has_moved_from(self, node: Node) -> bool:
        primary = await self.primary()
        return primary is not node and await primary.is_primary()


@dataclass
class Cluster:
    """Six nodes: three primaries with a replica each."""

    nodes: list[Node]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    async def is_whole(self) -> bool:
        facts = [await node.ask("CLUSTER INFO") for node in self.nodes]
        return all(
            isinstance(each, dict)
            and each["cluster_state"] == "ok"
            and each["cluster_known_nodes"] == str(len(self.nodes))
            for each in facts
        )

    async def id_of(self, node: Node) -> str:
        answer = await node.ask("CLUSTER", "MYID")
        return answer.decode() if isinstance(answer, bytes) else str(answer)

    async def owner(self, slot: int) -> Node:
        """Return the primary that serves ``slot``, by what most reachable nodes say."""
        for node in self.nodes:
            slots = await node.ask("CLUSTER", "SLOTS")
            for low, high, primary, *_ in slots if isinstance(slots, list) else []:
                if low <= slot <= high:
                    return self.at(int(primary[1]))
        raise AssertionError("no node knows who serves it")

    def at(self, port: int) -> Node:
        return next(node for node in self.nodes if node.port == port)


@contextlib.asynccontextmanager
async def start_sentinels(folder: Path) -> AsyncIterator[Sentinels]:
    ports = _free_ports(5)
    primary = Node(folder / "0", ports[0])
    replica = Node(folder / "1", ports[1], lines=[f"replicaof 127.0.0.1 {primary.port}"])
    watch = [
        f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 2",
        f"sentinel down-after-milliseconds {SERVICE} {_DOWN_AFTER}",
        f"sentinel failover-timeout {SERVICE} 3000",
    ]
    sentinels = [Node(folder / str(port), port, sentinel=True, lines=watch) for port in ports[2:]]
    async with _running([primary, replica, *sentinels]):
        await eventually(replica.follows, primary)
        for sentinel in sentinels:
            await eventually(_sees_all, sentinel)
        yield Sentinels([primary, replica], sentinels)


@contextlib.asynccontextmanager
async def start_cluster(folder: Path) -> AsyncIterator[Cluster]:
    lines = ["cluster-enabled yes", "cluster-node-timeout 800", "cluster-replica-validity-factor 0"]
    nodes = [Node(folder / str(port), port, lines=lines) for port in _free_ports(6, below=55535)]
    cluster = Cluster(nodes)
    async with _running(nodes):
        for number, node in enumerate(nodes):
            await node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in nodes[1:]:
            await nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port)
        bounds = [0, 5461, 10923, 16384]
        for node, low, high in zip(nodes[:3], bounds, bounds[1:], strict=False):
            await node.ask("CLUSTER ADDSLOTSRANGE", low, high - 1)
        await eventually(cluster.is_whole)
        for replica, primary in zip(nodes[3:], nodes[:3], strict=True):
            primary_id = await cluster.id_of(primary)
            await eventually(_replicates, replica, primary_id)
        for replica, primary in zip(nodes[3:], nodes[:3], strict=True):
            await eventually(replica.follows, primary)
        yield cluster


async def eventually(holds: Callable[..., Awaitable[bool]], *of: Any) -> None:
    """Return once ``holds(*of)`` is true; fail if that takes too long."""
    async with asyncio.timeout(_PATIENCE):
        while not await holds(*of):  # noqa: ASYNC110  (another process has no event to wait for)
            await asyncio.sleep(0.02)


async def _replicates(replica: Node, primary_id: str) -> bool:
    return await replica.ask("CLUSTER", "REPLICATE", primary_id) is not None


async def _sees_all(sentinel: Node) -> bool:
    """Tell whether it knows the replica and both other sentinels."""
    facts = await sentinel.ask("INFO", "sentinel")
    return isinstance(facts, dict) and facts["master0"]["sentinels"] == 3 and facts["master0"]["slaves"] == 1


@contextlib.asynccontextmanager
async def _running(nodes: list[Node]) -> AsyncIterator[None]:
    try:
        for node in nodes:
            await node.start()
        yield
    finally:
        for node in nodes:
            node.send(signal.SIGCONT)
            await node.kill()


def _free_ports(number: int, below: int = 65536) -> list[int]:
    """Return ports that nobody uses now; a cluster needs the one 10 000 above too."""
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        while len(ports) < number:
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port < below:
                ports.append(port)
    return ports
