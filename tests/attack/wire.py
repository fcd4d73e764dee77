"""A socket and a small strict reader: what is sent need not be HTTP, what comes back must be."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from email.message import Message

_LARGEST = 4 * 1024 * 1024
"""Bytes of an answer at most; the service's largest page is far smaller."""

_BODILESS = {204, 304}


class NotHttp(Exception):
    """What came back is no answer in HTTP/1.1 (RFC 9112)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service listens; ``tls`` where it speaks TLS, under the name ``host``."""

    port: int
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    host: str = "auth.example.com"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, with every byte of it."""

    status: int
    headers: tuple[tuple[str, str], ...]  # names in small letters
    body: bytes
    raw: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    def one(self, name: str) -> str:
        """The value of a header that stands once; "" if it is missing, all of them if it stands twice."""
        return ", ".join(self.all(name))

    @property
    def media_type(self) -> str:
        """The media type without its parameters."""
        message = Message()
        message["content-type"] = self.one("content-type")
        return message.get_content_type()

    @property
    def ends_the_connection(self) -> bool:
        return "close" in self.one("connection").lower()


class Wire:
    """One connection. Reads while it writes, since a server may answer before it heard all."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, place: Place) -> "Wire":
        """Connect."""
        name = place.host if place.tls else None
        opened = asyncio.open_connection(
            "127.0.0.1", place.port, ssl=place.tls, server_hostname=name, limit=_LARGEST
        )
        return cls(*await opened)

    async def send(self, pieces: Iterable[bytes], pause: float = 0) -> None:
        """Write the pieces, with a pause after each; stop quietly when the other side has hung up."""
        with contextlib.suppress(OSError, ssl.SSLError):
            for piece in pieces:
                self._writer.write(piece)
                await self._writer.drain()
                if pause:
                    await asyncio.sleep(pause)  # slowness is what such a case is about

    async def hang_up_one_way(self) -> None:
        """Say that nothing more will be sent (TLS cannot)."""
        if self._writer.can_write_eof():
            with contextlib.suppress(OSError):
                self._writer.write_eof()

    async def answer(self, *, bodiless: bool = False) -> Answer | None:
        """Return the next answer that is final (1xx are passed over); None if the connection was closed.

        ``bodiless``: the request was a HEAD. Raises `NotHttp`.
        """
        try:
            while (answer := await self._next(bodiless=bodiless)) is not None and answer.status < 200:
                continue
        except (OSError, ssl.SSLError):
            return None  # a reset is a close, seen from here
        return answer

    async def close(self) -> None:
        """Close without ceremony."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self._writer.wait_closed()

    async def _next(self, *, bodiless: bool) -> Answer | None:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as rest:
            if rest.partial:
                raise NotHttp(f"half an answer: {rest.partial[:80]!r}") from None
            return None
        status, headers = _parse_head(head)
        if bodiless or status < 200 or status in _BODILESS:
            return Answer(status, headers, b"", head)
        body, raw = await self._body(dict(headers))
        return Answer(status, headers, body, head + raw)

    async def _body(self, headers: dict[str, str]) -> tuple[bytes, bytes]:
        try:
            if "chunked" in headers.get("transfer-encoding", ""):
                return await self._chunks()
            if "content-length" in headers:
                body = await self._reader.readexactly(int(headers["content-length"]))
            else:
                body = await self._reader.read(_LARGEST)  # until the connection closes
        except asyncio.IncompleteReadError as rest:
            raise NotHttp(f"the body is cut off after {len(rest.partial)} bytes") from None
        return body, body

    async def _chunks(self) -> tuple[bytes, bytes]:
        body, raw = bytearray(), bytearray()
        while True:
            line = await self._reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            chunk = await self._reader.readexactly(size + 2)
            raw += line + chunk
            if not size:
                return bytes(body), bytes(raw)
            body += chunk[:-2]


def _parse_head(head: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not rest[:3].isdigit():
        raise NotHttp(f"no status line: {first[:80]!r}")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or any(c in value for c in "\r\n\0"):
            raise NotHttp(f"no header line: {line[:80]!r}")
        headers.append((name.lower(), value.strip()))
    return int(rest[:3]), tuple(headers)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of one case: the answers in order, and how the connection ended."""

    answers: tuple[Answer, ...]
    closed: bool
    seconds: float  # until the first answer or the close; infinite if neither came
    trouble: str = ""  # what the reader could not make sense of


PROBE = b"GET /livez HTTP/1.1\r\nHost: auth.example.com\r\n\r\n"
"""Sent after a case on the same connection: who took a part of the case for a request answers otherwise."""


async def exchange(
    place: Place,
    pieces: Sequence[bytes],
    *,
    expected: int = 1,
    bodiless: bool = False,
    closes: bool = False,
    within: float = 2.0,
    pause: float = 0.0,
    half_close: bool = False,
    linger: float = 4.0,
) -> Exchange:
    """Send ``pieces``, and read ``expected`` answers; then see what else comes.

    The connection is then probed, unless the answer or the case says that it ends: whatever arrives beside
    the probe's own answer is in ``answers`` too.
    """
    began = time.monotonic()
    wire = await Wire.open(place)
    sending = asyncio.create_task(_send(wire, pieces, pause, half_close=half_close))
    answers: list[Answer] = []
    seconds, closed, trouble = float("inf"), False, ""
    try:
        async with asyncio.timeout(within):
            while len(answers) < expected and not closed:
                answer = await wire.answer(bodiless=bodiless)
                seconds = min(seconds, time.monotonic() - began)
                closed = answer is None
                answers += [answer] if answer else []
        if not closed:
            ends = closes or half_close or not answers or answers[-1].ends_the_connection
            async with asyncio.timeout(linger):
                closed = await _rest(wire, answers, probe=not ends)
    except TimeoutError:
        trouble = "" if answers else "no answer, and no close"
    except NotHttp as error:
        trouble = str(error)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await wire.close()
    return Exchange(tuple(answers), closed, seconds, trouble)


async def _send(wire: Wire, pieces: Sequence[bytes], pause: float, *, half_close: bool) -> None:
    await wire.send(pieces, pause)
    if half_close:
        await wire.hang_up_one_way()


async def _rest(wire: Wire, answers: list[Answer], *, probe: bool) -> bool:
    """Add the answers that nobody asked for; return whether the connection was closed."""
    if probe:
        await wire.send([PROBE])
    while (answer := await wire.answer()) is not None:
        if probe and answer.status == 200 and answer.body == b'{"status":"ok"}':
            return answer.ends_the_connection
        answers.append(answer)
    return True
