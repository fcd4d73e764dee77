"""The server on the loop of the test, so that what is due can be asked for instead of waited for."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import uvicorn
from fastapi import FastAPI

from authsvc.cli.serve import server_options
from authsvc.server.connection import Connection
from authsvc.server.stopping import OrderlyServer
from authsvc.settings import Settings


class Server(OrderlyServer):
    """As it is started in production, on this loop."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        # Whoever made the application has opened it.
        options = server_options(settings) | {"lifespan": "off"}
        super().__init__(uvicorn.Config(app, **options), settings.shutdown_delay)
        self.ready = asyncio.Event()
        self.port = 0
        self.clients: list[Client] = []

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @property
    def open(self) -> set[Any]:
        return self.server_state.connections

    def look(self, after: float) -> None:
        """Do what is due so many seconds from now."""
        now = asyncio.get_running_loop().time()
        for connection in tuple(self.open):
            connection.look(now + after)

    async def connect(self) -> "Client":
        known = set(self.open)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        await until(lambda: bool(self.open - known))
        (connection,) = self.open - known
        self.clients.append(Client(reader, writer, connection))
        return self.clients[-1]


class Client:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.connection = connection
        self.head = ""

    @property
    def is_told_to_go(self) -> bool:
        """Whether the last answer said that the connection ends with it."""
        return "\r\nconnection: close\r\n" in self.head

    async def send(self, data: bytes) -> None:
        """Return when the server has it."""
        before = self.connection._received
        self.writer.write(data)
        await until(lambda: self.connection._received > before)

    async def ask(self, data: bytes) -> tuple[int, dict[str, Any]]:
        self.writer.write(data)
        return await self.answer()

    async def answer(self) -> tuple[int, dict[str, Any]]:
        self.head = head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
        return int(head.split()[1]), json.loads(await self.reader.readexactly(length))

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def is_closed(self) -> bool:
        try:
            return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  (what is waited for has no event)
        await asyncio.sleep(0)


@asynccontextmanager
async def serving(app: FastAPI, settings: Settings) -> AsyncIterator[Server]:
    server = Server(app, settings)
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listener:
        server.port = listener.getsockname()[1]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await server.ready.wait()
        yield server
        await asyncio.gather(*(client.close() for client in server.clients))
        for connection in tuple(server.open):
            connection.transport.abort()
        server.should_exit = True
        await task
