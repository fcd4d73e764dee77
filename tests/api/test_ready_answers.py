"""An answer that is written at once is, on the wire, the answer that `send` would have written."""

import asyncio
import re
import socket
from contextlib import asynccontextmanager

import pytest
import uvicorn

from authsvc.api.middleware import protected
from authsvc.api.ready_answers import ReadyAnswers, withdraw, writer

HEADERS = protected([(b"content-type", b"application/json")], "an-id")
LINES = b"".join(b"%b: %b\r\n" % header for header in HEADERS)

went_by_send = asyncio.Event()


async def app(scope, receive, send):
    """Answers with the path; ready unless it begins with /slow."""
    body = scope["path"].encode()
    if scope["path"].startswith("/slow"):
        withdraw(scope)
    write = writer(scope)
    if write is None or not write(200, LINES, body):
        went_by_send.set()
        headers = [(b"content-length", b"%d" % len(body)), *HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def connected():
    """Give a connection to a server of that application."""
    config = uvicorn.Config(
        app, http=ReadyAnswers, lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server._serve([listener]))  # `serve` would take the signals over
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            yield reader, writer
        finally:
            writer.close()
            server.should_exit = True
            await serving


async def one_answer(reader: asyncio.StreamReader) -> tuple[bytes, list[bytes], bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    [length] = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
    lines = [re.sub(rb"^date: .*GMT$", b"date: now", line) for line in lines]
    return status, sorted(lines), await reader.readexactly(length)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_both_ways_write_the_same(version):
    found = []
    for path in (b"/ready", b"/slow?"):
        async with connected() as (reader, sender):
            sender.write(b"GET %b HTTP/%b\r\nhost: x\r\n\r\n" % (path, version))
            status, lines, body = await one_answer(reader)
            assert body == path.rstrip(b"?")
            found.append((status, [line for line in lines if not line.startswith(b"content-length")]))
            if version == b"1.0":
                assert await reader.read() == b""  # and the connection ends
                assert b"connection: close" in lines
    assert found[0] == found[1]
    assert found[0][0] == b"HTTP/1.1 200 OK"
    assert b"date: now" in found[0][1]


async def test_pipelined_requests_are_answered_in_their_order():
    async with connected() as (reader, sender):
        paths = [b"/slow%d" % n if n % 3 == 0 else b"/ready%d" % n for n in range(30)]
        sender.write(b"".join(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path for path in paths))
        assert [(await one_answer(reader))[2] for _ in paths] == paths


async def test_who_asks_and_never_reads_is_not_written_to_without_end():
    """As soon as the buffer is full, an answer waits its turn by `send`."""
    went_by_send.clear()
    async with connected() as (reader, sender):
        request = b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n" % (b"x" * 4000)
        for _ in range(2000):
            sender.write(request)
        await went_by_send.wait()
        for _ in range(2000):
            assert len((await one_answer(reader))[2]) == 4001
