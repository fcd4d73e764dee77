"""A proxy between the service and a server, that does to their bytes what networks do."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit, urlunsplit

Address = tuple[str, int] | str
"""A host and a port, or the path of a socket."""

_CHUNK = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: what is unsent is dropped, and the peer is told so


@dataclass
class Direction:
    """What happens to the bytes that go one way. All of it can be changed at any time."""

    delay: float = 0.0
    """Seconds that each chunk travels; its order and the throughput stay."""
    trickle: float = 0.0
    """Seconds between two single bytes; 0 sends chunks whole."""
    cut_after: int | None = None
    """How many more bytes pass before all connections that carry them are reset."""
    passed: int = 0
    """How many bytes got through."""
    _clear: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._clear.set()

    def swallow(self) -> None:
        """Deliver nothing any more; who sends is not told. What was sent waits for `clear`."""
        self._clear.clear()

    def clear(self) -> None:
        """Do nothing to the bytes; what was swallowed arrives late."""
        self.delay, self.trickle, self.cut_after = 0.0, 0.0, None
        self._clear.set()

    async def clear_again(self) -> None:
        """Wait while what is sent is swallowed."""
        await self._clear.wait()

    async def carry(self, chunk: bytes, due: float, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Deliver ``chunk`` not before ``due`` (the loop's time); raises `ConnectionResetError` at a cut."""
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        while chunk:
            await self._clear.wait()
            piece, chunk = (chunk[:1], chunk[1:]) if self.trickle else (chunk, b"")
            if self.cut_after is not None:
                piece = piece[: self.cut_after]
                self.cut_after -= len(piece)
            await write(piece)
            self.passed += len(piece)
            if self.cut_after == 0:
                raise ConnectionResetError
            if chunk:
                await asyncio.sleep(self.trickle)


class TcpProxy:
    """Listens on ``host:port`` (loopback) and carries bytes to and from ``upstream``.

    ``to_server`` and ``to_client`` say how. Whatever happens to the network, a peer that hangs up is noticed
    on the other side only where its direction is clear, as with a real one.
    """

    host = "127.0.0.1"

    def __init__(self, upstream: Address) -> None:
        self.upstream = upstream
        self.port = 0
        self.to_server = Direction()
        self.to_client = Direction()
        self.accepted = 0
        """How many connections were ever taken."""
        self._open: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._server: asyncio.Server | None = None
        self._unanswered: list[socket.socket] = []

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["TcpProxy"]:
        """Listen on a free port for as long as the block."""
        await self.listen()
        try:
            yield self
        finally:
            await self.refuse()
            self.reset()
            if self._open:
                await asyncio.wait(self._open)

    async def listen(self) -> None:
        """Take new connections, on the same port as before."""
        await self.refuse()
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse new connections, as a port where nobody listens; those that are open stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for each in self._unanswered:
            each.close()
        self._unanswered.clear()

    async def ignore(self) -> None:
        """Leave new connections unanswered, as a firewall that drops them; those that are open stay.

        The kernel (Linux) answers nobody whose turn would not fit into the queue of a listener.
        """
        await self.refuse()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(0)
        self._unanswered.append(listener)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)  # noqa: FBT003  (the standard library's way)
            filler.connect_ex((self.host, self.port))
            self._unanswered.append(filler)

    def black_hole(self) -> None:
        """Deliver nothing in either direction, on old connections and new ones."""
        self.to_server.swallow()
        self.to_client.swallow()

    def reset(self) -> None:
        """Break all open connections off."""
        for task in self._open:
            task.cancel()

    async def heal(self) -> None:
        """Be as if nobody were between: what was swallowed is lost with its connections."""
        self.reset()
        if self._open:
            await asyncio.wait(self._open)
        self.to_server.clear()
        self.to_client.clear()
        await self.listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.accepted += 1
        self._open[task] = [writer]
        try:
            their_reader, their_writer = await self._connect()
            self._open[task].append(their_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, their_writer, self.to_server))
                both.create_task(_pump(their_reader, writer, self.to_client))
        except (OSError, asyncio.CancelledError, BaseExceptionGroup):
            pass  # whatever ended it, both ends are told below
        finally:
            for each in self._open.pop(task):
                _abort(each)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.upstream, str):
            return await asyncio.open_unix_connection(self.upstream)
        return await asyncio.open_connection(*self.upstream)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Direction) -> None:
    """Carry all that comes, in order, then the end of it."""
    loop = asyncio.get_running_loop()
    travelling: asyncio.Queue[tuple[bytes | None, float]] = asyncio.Queue(maxsize=64)

    async def write(piece: bytes) -> None:
        writer.write(piece)
        await writer.drain()

    async def deliver() -> None:
        while True:
            chunk, due = await travelling.get()
            if chunk:
                await way.carry(chunk, due, write)
                continue
            await way.clear_again()  # an end travels as bytes do
            if chunk is None:
                raise ConnectionResetError
            writer.write_eof()
            return

    async with asyncio.TaskGroup() as delivering:
        delivering.create_task(deliver())
        while True:
            try:
                chunk: bytes | None = await reader.read(_CHUNK)
            except OSError:
                chunk = None
            await travelling.put((chunk, loop.time() + way.delay))
            if not chunk:
                return


def _abort(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


def upstream_of(url: str) -> Address:
    """Return where the server of a URL (``redis://``, ``unix://``, ``postgresql+asyncpg://``) listens."""
    parts = urlsplit(url)
    default = 5432 if parts.scheme.startswith("postgresql") else 6379
    if parts.scheme == "unix":
        return parts.path
    folder = parse_qs(parts.query).get("host", [""])[0]
    if folder.startswith("/"):
        port = parts.port or int(parse_qs(parts.query).get("port", [str(default)])[0])
        return f"{folder}/.s.PGSQL.{port}"
    return parts.hostname or "127.0.0.1", parts.port or default


def url_through(proxy: TcpProxy, url: str) -> str:
    """Return ``url`` with the proxy in place of its server; user, password and database stay."""
    parts = urlsplit(url)
    where = f"{parts.netloc.rpartition('@')[0]}@{proxy.host}:{proxy.port}".removeprefix("@")
    if parts.scheme == "unix":
        database = parse_qs(parts.query).get("db", ["0"])[0]
        return urlunsplit(("redis", where, f"/{database}", "", ""))
    query = "&".join(pair for pair in parts.query.split("&") if not pair.startswith(("host=", "port=")))
    return urlunsplit((parts.scheme, where, parts.path, query, ""))


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[TcpProxy, str]]:
    """Run a proxy before the server of ``url``; give it, and the URL that leads through it."""
    async with TcpProxy(upstream_of(url)).running() as proxy:
        yield proxy, url_through(proxy, url)
