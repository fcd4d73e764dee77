"""A client that sends what it likes, byte by byte."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.cli.running import PATIENCE

from authsvc.api.middleware import PROTECTION


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of a problem, which must be a well-formed one with all that every answer carries."""
        assert self.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = json.loads(self.body)
        assert problem["status"] == self.status
        assert problem["type"] == f"/problems/{problem['code']}"
        assert problem["instance"] == f"urn:uuid:{self.headers['x-request-id']}"
        assert {name: self.headers.get(name.lower()) for name in PROTECTION} == PROTECTION
        assert "date" in self.headers
        assert "server" not in self.headers
        return str(problem["code"])


class Wire:
    """One connection."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._read = b""

    def send(self, *parts: bytes) -> None:
        self._socket.sendall(b"".join(parts))

    def send_while_possible(self, part: bytes, at_most: int) -> int:
        """Return how many bytes went out before the other side hung up, or ``at_most``."""
        sent = 0
        with suppress(OSError):
            while sent < at_most:
                sent += self._socket.send(part)
        return sent

    def finish(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self, *, with_body: bool = True) -> Answer:
        """Return the next answer; what comes before it, such as 100, is one too."""
        while b"\r\n\r\n" not in self._read:
            self._read_more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers.get("content-length", "0")) if with_body else 0
        while len(self._read) < length:
            self._read_more()
        body, self._read = self._read[:length], self._read[length:]
        return Answer(int(status.split()[1]), headers, body)

    def assert_closed(self) -> None:
        """Nothing more comes: the other side has closed."""
        assert self._read == b""
        with suppress(ConnectionResetError):
            assert self._socket.recv(1) == b""

    def _read_more(self) -> None:
        more = self._socket.recv(65536)
        assert more, f"closed after {self._read!r}"
        self._read += more


@contextmanager
def connected(port: int) -> Iterator[Wire]:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as opened:
        yield Wire(opened)


HOST = b"Host: localhost\r\n"


def request(line: bytes = b"GET /user", *headers: bytes, body: bytes = b"") -> bytes:
    """Return a request; ``headers`` are whole lines without their ends."""
    return line + b" HTTP/1.1\r\n" + HOST + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


JSON = b"Content-Type: application/json"
CHUNKED = b"Transfer-Encoding: chunked"


def post(*headers: bytes, body: bytes = b"") -> bytes:
    return request(b"POST /login", JSON, *headers, body=body)


def chunks(body: bytes) -> bytes:
    return post(CHUNKED, body=body)


def ask(port: int, sent: bytes) -> tuple[Answer, bool]:
    """Return the answer to ``sent``, and whether the connection can be used further."""
    with connected(port) as wire:
        wire.send(sent)
        answer = wire.answer()
        if answer.headers.get("connection") == "close":
            wire.assert_closed()
            return answer, False
        wire.send(request(b"GET /livez"))
        return answer, wire.answer().status == 200
