"""How long the server waits, and for whom. Its clock is turned by hand: what is due is asked for."""

import asyncio
import json
from contextlib import suppress

import pytest
import structlog
from fastapi import FastAPI, Response
from tests.server.beside import until
from tests.server.wire import post, request

from authsvc.server import limits
from authsvc.settings import Settings

pytestmark = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")

MOMENT = 0.1
LARGE = 50_000_000


# A097
class TestTheHead:
    async def test_who_says_nothing_is_let_go_without_a_word(self, server):
        client = await server.connect()
        server.look(limits.HEAD_TIME - MOMENT)
        assert not client.connection.transport.is_closing()
        server.look(limits.HEAD_TIME + MOMENT)
        assert await client.reader.read() == b""

    async def test_bytes_now_and_then_win_no_time(self, server):
        client = await server.connect()
        began = asyncio.get_running_loop().time()
        for byte in b"GET /livez HTTP/1.1\r\nHo":
            await client.send(bytes([byte]))
        client.connection.look(began + limits.HEAD_TIME - MOMENT)
        assert not client.connection._done
        server.look(limits.HEAD_TIME)
        status, problem = await client.answer()
        assert (status, problem["code"]) == (408, "request_timeout")
        assert await client.is_closed()

    async def test_the_next_request_has_its_own_time(self, server):
        client = await server.connect()
        assert (await client.ask(request(b"GET /livez")))[0] == 200
        await client.send(b"GET /li")
        server.look(limits.HEAD_TIME - MOMENT)
        assert not client.connection._done
        server.look(limits.HEAD_TIME + MOMENT)
        assert (await client.answer())[0] == 408

    async def test_empty_lines_do_not_keep_a_connection(self, server):
        client = await server.connect()
        assert (await client.ask(request(b"GET /livez")))[0] == 200
        await client.send(b"\r\n")
        server.look(limits.HEAD_TIME + MOMENT)
        assert (await client.answer())[0] == 408
        assert await client.is_closed()


# A097
class TestTheBody:
    async def test_one_that_does_not_come_is_refused_and_nothing_is_done(self, server):
        client = await server.connect()
        with structlog.testing.capture_logs() as logged:
            await client.send(post(b"Content-Length: 100", body=b'{"username": '))
            server.look(limits.BODY_TIME - MOMENT)
            assert not client.connection._done
            await client.send(b'"ada"')
            server.look(limits.BODY_TIME + MOMENT)
            status, problem = await client.answer()
            await until(lambda: not server.server_state.tasks)
        assert (status, problem["code"]) == (408, "request_timeout")
        assert await client.is_closed()
        assert [(line["event"], line.get("code")) for line in logged] == [
            ("refused", "request_timeout"),
            ("client_gone", None),
        ]

    async def test_what_remains_after_the_answer_has_a_second(self, server):
        client = await server.connect()
        assert (await client.ask(post(b"Content-Length: 10000000000")))[0] == 413
        server.look(0)
        server.look(limits.REST_TIME - MOMENT)
        assert not client.connection._done
        server.look(limits.REST_TIME + MOMENT)
        assert await client.is_closed()


class TestBetweenAndAfter:
    async def test_an_idle_connection_is_closed_after_five_seconds(self, server):
        client = await server.connect()
        assert (await client.ask(request(b"GET /livez")))[0] == 200
        server.look(4.9)
        assert (await client.ask(request(b"GET /livez")))[0] == 200
        server.look(5.1)
        assert await client.is_closed()

    async def test_a_request_that_takes_long_is_not_cut(self, server, app: FastAPI):
        may_end = asyncio.Event()

        @app.get("/long")
        async def long() -> dict[str, str]:
            await may_end.wait()
            return {}

        client = await server.connect()
        client.writer.write(request(b"GET /long") + b"\r\n")
        await until(lambda: client.connection._is_answering)
        for after in (20, 40, 60):
            server.look(after)
        may_end.set()
        assert (await client.answer())[0] == 200

    @pytest.mark.parametrize("headers", [[], [b"Connection: close"]], ids=["kept", "closed"])
    async def test_who_does_not_take_the_answer_is_cut_off_in_the_end(self, server, app: FastAPI, headers):
        @app.get("/large")
        async def large() -> Response:
            return Response(b"x" * LARGE)

        client = await server.connect()
        client.writer.write(request(b"GET /large", *headers))
        await until(lambda: client.connection.cycle is not None and client.connection.cycle.response_complete)
        server.look(6)  # it was idle for long enough, or was to be closed at once
        assert client.connection.transport.is_closing()
        server.look(6 + limits.READING_TIME - MOMENT)
        assert server.open
        server.look(6 + limits.READING_TIME + MOMENT)
        await until(lambda: not server.open)

    async def test_who_stays_after_a_refusal_is_cut_off(self, server):
        client = await server.connect()
        assert (await client.ask(b"garbage\r\n\r\n"))[0] == 400
        server.look(limits.REST_TIME - MOMENT)
        assert server.open
        server.look(limits.REST_TIME + MOMENT)
        await until(lambda: not server.open)

    async def test_who_goes_on_sending_after_a_refusal_is_cut_off(self, server):
        client = await server.connect()
        client.writer.write(b"garbage\r\n\r\n" + b"x" * 10 * limits.UNREAD)
        await until(lambda: not server.open)


# A097
async def test_slow_clients_do_not_keep_others_from_being_served(server):
    slow_heads = [await server.connect() for _ in range(100)]
    slow_bodies = [await server.connect() for _ in range(100)]
    for client in slow_heads:
        await client.send(b"GET /livez HTTP/1.1\r\nHost: ")
    for client in slow_bodies:
        await client.send(post(b"Content-Length: 100", body=b"{"))
    other = await server.connect()
    assert [(await other.ask(request(b"GET /user")))[0] for _ in range(100)] == [401] * 100
    server.look(limits.BODY_TIME + MOMENT)
    answers = await asyncio.gather(*(client.answer() for client in (*slow_heads, *slow_bodies)))
    assert {status for status, _ in answers} == {408}
    assert await other.is_closed()  # it was idle in the meantime


class TestSoManyConnections:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_connections": 10})

    async def test_are_taken_and_one_more_is_told_to_come_again(self, server):
        clients = [await server.connect() for _ in range(10)]
        refused = await server.connect()
        head = (await refused.reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 503 ")
        assert "retry-after: 1\r\n" in head
        assert json.loads(await refused.reader.read())["code"] == "overloaded"
        refused.writer.close()
        clients[0].writer.close()
        await until(lambda: len(server.open) == 9)
        assert (await (await server.connect()).ask(request(b"GET /livez")))[0] == 200

    async def test_who_comes_when_even_that_is_too_much_is_closed(self, server):
        clients = [await server.connect() for _ in range(10 + limits.TURNED_AWAY)]
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        assert (await clients[0].ask(request(b"GET /livez")))[0] == 200


async def test_the_gate_looks_while_there_are_connections(server):
    gate = server.config.http
    client = await server.connect()
    assert gate._next_look is not None
    gate._look(asyncio.get_running_loop(), server.open)
    assert gate._next_look is not None
    client.writer.close()
    await until(lambda: not server.open)
    gate._next_look.cancel()
    gate._look(asyncio.get_running_loop(), server.open)
    assert gate._next_look is None
    await server.connect()
    assert gate._next_look is not None
