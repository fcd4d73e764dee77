"""A load balancer as it should be: asks /readyz, keeps connections, and sends nothing twice."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.waiting import eventually

_INTERVAL = 0.05
_REUSED_WITHIN = 4.0
_PATIENCE = 60.0  # seconds
_PROBE = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@dataclass
class _Upstream:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    last_used: float = 0.0


@dataclass
class Balancer:
    """In front of the ports of several instances; ``ready`` are those that may be sent requests."""

    instances: Sequence[int]
    port: int = 0
    ready: set[int] = field(default_factory=set)
    _said: dict[int, str] = field(default_factory=dict)
    _idle: dict[int, list[_Upstream]] = field(default_factory=dict)
    _turn: int = 0

    async def look_after(self, instance: int) -> None:
        """Ask again and again whether it is ready."""
        while True:
            try:
                upstream = await self._connect(instance)
                with contextlib.closing(upstream.writer):
                    upstream.writer.write(_PROBE)
                    head, _ = await _read_message(upstream.reader)
                said = head.partition(b"\r\n")[0].decode("latin-1")
            except (OSError, asyncio.IncompleteReadError) as error:
                said = repr(error)
            is_ready = " 200 " in said
            self._said[instance] = said
            if is_ready:
                self.ready.add(instance)
            else:
                self.ready.discard(instance)
                for idle in self._idle.pop(instance, []):
                    idle.writer.close()
            await asyncio.sleep(_INTERVAL)  # another process has no event to wait for

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on the requests of one client, one after the other."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while True:
                request = b"".join(await _read_message(reader))
                writer.write(await self._pass_on(request))
                await writer.drain()

    async def _pass_on(self, request: bytes) -> bytes:
        for instance in self._in_turn():
            try:
                upstream = self._reused(instance) or await self._connect(instance)
            except OSError:
                continue  # nothing was sent
            try:
                upstream.writer.write(request)
                head, body = await _read_message(upstream.reader)
            except (OSError, asyncio.IncompleteReadError):
                upstream.writer.close()
                # It was sent, and must not be sent again.
                return _told(b"502 Bad Gateway", "The balancer lost it")
            except asyncio.CancelledError:
                upstream.writer.close()
                raise
            lines = head.split(b"\r\n")
            kept = [line for line in lines if not line.lower().startswith(b"connection:")]
            if len(kept) < len(lines) or instance not in self.ready:
                upstream.writer.close()
            else:
                upstream.last_used = time.monotonic()
                self._idle.setdefault(instance, []).append(upstream)
            return b"\r\n".join(kept) + body
        return _told(b"503 Service Unavailable", f"The balancer found nobody ready: {self._said}")

    def _in_turn(self) -> list[int]:
        self._turn += 1
        ready = [instance for instance in self.instances if instance in self.ready]
        start = self._turn % len(ready) if ready else 0
        return ready[start:] + ready[:start]

    def _reused(self, instance: int) -> _Upstream | None:
        idle = self._idle.get(instance, [])
        while idle:
            upstream = idle.pop()
            if time.monotonic() - upstream.last_used < _REUSED_WITHIN and not upstream.reader.at_eof():
                return upstream
            upstream.writer.close()
        return None

    async def _connect(self, instance: int) -> _Upstream:
        return _Upstream(*await asyncio.open_connection("127.0.0.1", instance))


def _told(status: bytes, what: str) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(what), what.encode())


async def _read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read a request or an answer whose body has a length."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = (line.lower().partition(b":") for line in head.split(b"\r\n"))
    length = next((int(value) for name, _, value in fields if name == b"content-length"), 0)
    return head, await reader.readexactly(length)


@asynccontextmanager
async def balancing(instances: Sequence[int]) -> AsyncIterator[Balancer]:
    """Run one in front of ``instances``, which are ready."""
    balancer = Balancer(instances)
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", 0)
    balancer.port = server.sockets[0].getsockname()[1]
    looking = [asyncio.create_task(balancer.look_after(instance)) for instance in instances]
    try:
        await eventually(lambda: balancer.ready == set(instances), within=_PATIENCE)
        yield balancer
    finally:
        server.close()
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
        for idle in balancer._idle.values():
            for upstream in idle:
                upstream.writer.close()
