"""What becomes of connections when the server stops: nobody who asks is left without an answer."""

import asyncio
import json
import socket
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs
from tests.server.beside import Client, Server, until
from tests.server.wire import post, request

from authsvc.api.health import WITHDRAW
from authsvc.settings import Settings

pytestmark = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")

LIVEZ = request(b"GET /livez")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Whoever is told to stop serves on for long."""
    return settings.model_copy(update={"shutdown_delay": timedelta(hours=1)})


async def withdraw(server: Server) -> None:
    """Tell it to stop, and return when it has heard it."""
    server.stop()
    await until(lambda: server._withdrawn)


async def become_deaf(server: Server) -> None:
    """Return when it takes no new connection."""
    server.hurry()
    await until(lambda: all(not listening.is_serving() for listening in server.servers))


class TestForTheDelay:
    async def test_everything_is_served_and_each_answer_ends_its_connection(self, server):
        known = await server.connect()
        assert (await known.ask(LIVEZ))[0] == 200
        assert not known.is_told_to_go
        await withdraw(server)
        new = await server.connect()
        for client in (known, new):
            assert (await client.ask(LIVEZ))[0] == 200
            assert client.is_told_to_go
            assert await client.is_closed()
        unknown = await server.connect()
        status, problem = await unknown.ask(post(b"Content-Length: 2", body=b"{}"))
        assert (status, problem["code"]) == (422, "invalid_request")

    async def test_the_application_is_told_once_and_the_log_says_how_long(self, server):
        told: list[str] = []
        server.lifespan.state[WITHDRAW] = lambda: told.append("it stops")
        with capture_logs() as logged:
            await withdraw(server)
            server.stop()
            await become_deaf(server)
        assert told == ["it stops"]
        assert [line["delay"] for line in logged if line["event"] == "stopping"] == [3600]

    async def test_a_second_signal_ends_it(self, server):
        server._captured_signals = Ignored()
        server.handle_exit(15, None)
        await until(lambda: server._withdrawn)
        assert not server.should_exit
        server.handle_exit(15, None)
        await become_deaf(server)
        server.handle_exit(15, None)
        assert not server.force_exit
        server.handle_exit(2, None)
        assert server.force_exit


class Ignored(list[int]):
    """Signals that nobody raises again."""

    def append(self, _: int) -> None: ...


class TestAfterIt:
    async def test_what_is_under_way_is_answered(self, server, app: FastAPI):
        may_end = hold(app)
        client = await server.connect()
        client.writer.write(request(b"GET /held"))
        await until(lambda: client.connection._is_answering)
        await become_deaf(server)
        may_end.set()
        assert (await client.answer())[0] == 200
        assert client.is_told_to_go

    async def test_of_several_requests_at_once_each_is_answered(self, server, app: FastAPI):
        may_end = hold(app)
        client = await server.connect()
        client.writer.write(request(b"GET /held") + LIVEZ)
        await until(lambda: bool(client.connection.pipeline))
        await become_deaf(server)
        may_end.set()
        assert (await client.answer())[0] == 200
        assert not client.is_told_to_go
        assert (await client.answer())[0] == 200
        assert client.is_told_to_go

    @pytest.mark.parametrize("before", [b"", LIVEZ], ids=["first", "next"])
    async def test_a_request_that_is_arriving_is_answered(self, server, before):
        client = await server.connect()
        if before:
            await client.ask(before)
        await client.send(LIVEZ[:10])
        await become_deaf(server)
        server.look(1)
        assert (await client.ask(LIVEZ[10:]))[0] == 200
        assert client.is_told_to_go

    @pytest.mark.parametrize("before", [b"", LIVEZ], ids=["first", "next"])
    async def test_a_request_that_crosses_with_the_end_is_answered(self, server, before):
        client = await server.connect()
        if before:
            await client.ask(before)
        await become_deaf(server)
        assert (await client.ask(LIVEZ))[0] == 200
        assert client.is_told_to_go
        assert await client.is_closed()

    @pytest.mark.parametrize("before", [b"", LIVEZ], ids=["new", "known"])
    async def test_who_asks_nothing_is_let_go_at_the_next_look(self, server, before):
        client = await server.connect()
        if before:
            await client.ask(before)
        await become_deaf(server)
        server.look(0.1)
        assert await client.is_closed()

    async def test_who_waits_in_the_queue_of_the_kernel_is_answered(self, server):
        """Nobody has accepted them: the loop does not turn while they connect."""
        (listener,) = (each.dup() for each in server.servers[0].sockets)
        waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
        for each in waiting:
            each.sendall(LIVEZ)
        server._withdraw()
        await server._take_the_last([listener])
        answers = await asyncio.gather(*(asyncio.to_thread(read_all, each) for each in waiting))
        assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)


def read_all(connected: socket.socket) -> bytes:
    with connected:
        return b"".join(iter(lambda: connected.recv(65536), b""))


class TestWhenTheTimeForItIsOver:
    async def run_out_of_time(self, server: Server, client: Client) -> None:
        server.config.timeout_graceful_shutdown = 0.05  # type: ignore[assignment]  # less than uvicorn thinks of
        await until(lambda: client.connection._is_answering)
        server.hurry()

    @pytest.mark.parametrize("asked", [request(b"GET /held"), post(b"Content-Length: 100", body=b"{")])
    async def test_what_is_under_way_is_answered_503(self, server, app: FastAPI, asked):
        hold(app)
        client = await server.connect()
        client.writer.write(asked)
        await self.run_out_of_time(server, client)
        status, problem = await client.answer()
        assert (status, problem["code"]) == (503, "service_unavailable")
        assert client.is_told_to_go
        assert "\r\nretry-after: 1\r\n" in client.head
        assert await client.reader.read() == b""

    async def test_half_an_answer_is_not_taken_for_a_whole_one(self, server, app: FastAPI):
        async def halves() -> Any:
            yield json.dumps({"half": 1})[:5]
            await asyncio.Event().wait()

        @app.get("/half")
        async def half() -> StreamingResponse:
            return StreamingResponse(halves())

        client = await server.connect()
        client.writer.write(request(b"GET /half"))
        assert await client.reader.readuntil(b"\r\n\r\n")
        await self.run_out_of_time(server, client)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.reader.readuntil(b"0\r\n\r\n")

    async def test_of_several_requests_at_once_none_is_answered(self, server, app: FastAPI):
        hold(app)
        client = await server.connect()
        client.writer.write(request(b"GET /held") + LIVEZ)
        await until(lambda: bool(client.connection.pipeline))
        await self.run_out_of_time(server, client)
        assert await client.is_closed()


def hold(app: FastAPI) -> asyncio.Event:
    """Let GET /held be answered no sooner than the event."""
    may_end = asyncio.Event()

    @app.get("/held")
    async def held() -> dict[str, str]:
        await may_end.wait()
        return {}

    return may_end
