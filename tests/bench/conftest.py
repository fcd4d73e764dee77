"""A tiny server to ask."""

import asyncio
from collections.abc import AsyncIterator

import pytest


class TinyServer:
    """Notes what it is asked, and answers what it was told to, in turn; None is silence."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.first_answer_takes = 0.0
        self.answers: list[bytes | None] = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(4096):  # one request is one segment here
            self.asked.append(head.decode())
            answer = self.answers[(len(self.asked) - 1) % len(self.answers)]
            if answer is None:
                continue
            if len(self.asked) == 1 and self.first_answer_takes:
                asyncio.get_running_loop().call_later(self.first_answer_takes, writer.write, answer)
            else:
                writer.write(answer)
            if b"Connection: close" in answer:
                break
        writer.close()


@pytest.fixture
def server() -> TinyServer:
    return TinyServer()


@pytest.fixture
async def port(server: TinyServer) -> AsyncIterator[int]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    yield listening.sockets[0].getsockname()[1]
    listening.close()
