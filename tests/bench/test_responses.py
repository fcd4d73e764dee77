"""The load generator's reader of HTTP/1.1."""

import runpy
from pathlib import Path

import pytest

PROGRAM = runpy.run_path(str(Path(__file__).parents[2] / "bench/responses.py"))
Reader, MalformedResponse = PROGRAM["Reader"], PROGRAM["MalformedResponse"]

WITH_LENGTH = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4;why=not\r\nwi\r\n\r\n1\r\ni\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
CLOSING = b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("response", "told"),
    [(WITH_LENGTH, (200, True)), (CHUNKED, (503, True)), (EMPTY, (204, True)), (CLOSING, (401, False))],
)
def test_a_response_is_told_when_its_last_byte_came_and_not_before(
    response: bytes, told: tuple[int, bool]
) -> None:
    reader = Reader()
    for _ in range(2):  # and then the next one on the same connection
        answers = [reader.feed(bytes([byte])) for byte in response]
        assert answers == [None] * (len(response) - 1) + [told]


@pytest.mark.parametrize("head", [b"content-length: 42\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n2a\r\n"])
def test_a_body_that_looks_like_a_head_is_a_body(head: bytes) -> None:
    body = b"\r\nconnection: close\r\ncontent-length: 9\r\n\r\n"
    end = b"\r\n0\r\n\r\n" if b"chunked" in head else b""
    assert len(body) == 42
    assert Reader().feed(b"HTTP/1.1 200 OK\r\n" + head + body + end) == (200, True)


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        EMPTY + EMPTY,
        WITH_LENGTH + b"!",
    ],
)
def test_what_it_does_not_understand_is_malformed(response: bytes) -> None:
    with pytest.raises(MalformedResponse):
        Reader().feed(response)
