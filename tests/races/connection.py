"""A small HTTP/1.1 client: quick, and able to hang up before the answer is there."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_KEEP = 3.0  # seconds: the service closes an idle connection after five


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON object that was answered."""
        fields: dict[str, Any] = json.loads(self.body)
        return fields


class Instance:
    """One instance of the service, asked over as many connections as it takes. Nothing is ever sent twice."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(
        self, method: str, path: str, body: dict[str, str] | None = None, bearer: str = ""
    ) -> Answer:
        """Send a request; return the answer."""
        reader, writer = await self._connection()
        writer.write(_request(method, path, body, bearer))
        try:
            answer = await _read(reader)
        except BaseException:
            writer.transport.abort()
            raise
        self._idle.append((time.monotonic(), reader, writer))
        return answer

    async def ask_and_hang_up(self, method: str, path: str, body: dict[str, str]) -> None:
        """Send a request, and lose the answer."""
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(_request(method, path, body, ""))
        await writer.drain()
        await _close(writer)

    async def is_ready(self) -> bool:
        """Tell whether it accepts requests."""
        try:
            return (await self.ask("GET", "/readyz")).status == 200
        except OSError:
            return False

    async def close(self) -> None:
        """Close all connections."""
        while self._idle:
            await _close(self._idle.pop()[2])

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            last_used, reader, writer = self._idle.pop()
            if time.monotonic() - last_used < _KEEP:
                return reader, writer
            await _close(writer)
        return await asyncio.open_connection("127.0.0.1", self._port)


def _request(method: str, path: str, body: dict[str, str] | None, bearer: str) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", "host: localhost", f"content-length: {len(content)}"]
    if content:
        head.append("content-type: application/json")
    if bearer:
        head.append(f"authorization: Bearer {bearer}")
    return "\r\n".join([*head, "", ""]).encode() + content


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(head[0].split(" ", 2)[1]), body, headers)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        return  # the other side was quicker
