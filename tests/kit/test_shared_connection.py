"""One connection for everybody: in order, sent once, and an outage in time whatever the server does."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from redis.asyncio import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from tests.support.waiting import eventually

from authsvc.kit.outage import Outage
from authsvc.kit.redis import RedisClient
from authsvc.kit.shared_connection import SharedConnection

real = pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")
KEY = "authsvc:{throttle}:account:" + "1" * 32


class ScriptedServer:
    """Greets like Redis; what it does with every other command is up to the test."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.connections: list[asyncio.StreamWriter] = []
        self.answer: Callable[[bytes], bytes | None] = lambda word: b"$%d\r\n%s\r\n" % (len(word), word)
        self.writes = 0

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        try:
            yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        finally:
            server.close()
            for writer in self.connections:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                command = await self._command(reader)
                if command[0] == b"HELLO":
                    writer.write(b"%1\r\n$5\r\nproto\r\n:3\r\n")
                elif command[0] in {b"CLIENT", b"SELECT"}:
                    writer.write(b"+OK\r\n")
                elif command[0] == b"INFO":
                    writer.write(b"$10\r\nrun_id:abc\r\n")
                else:
                    self.asked.append(command[-1])
                    answer = self.answer(command[-1])
                    if answer is not None:
                        writer.write(answer)

    async def _command(self, reader: asyncio.StreamReader) -> list[bytes]:
        count = int((await reader.readuntil(b"\r\n"))[1:])
        words = []
        for _ in range(count):
            size = int((await reader.readuntil(b"\r\n"))[1:])
            words.append((await reader.readexactly(size + 2))[:-2])
        return words


@pytest.fixture
async def server() -> ScriptedServer:
    return ScriptedServer()


@asynccontextmanager
async def connected(server: ScriptedServer, **limits: float) -> AsyncIterator[RedisClient]:
    async with server.running() as url:
        client = RedisClient.connect(url, **{"timeout": 5, "max_connections": 1, **limits})  # type: ignore[arg-type]
        try:
            yield client
        finally:
            await client.close()


@real
async def test_thousands_at_once_each_get_their_own_reply(redis):
    count = 5000
    await asyncio.gather(*(redis.execute("SET", f"{KEY}{n}", n, "PX", 60_000) for n in range(count)))
    found = await asyncio.gather(*(redis.execute("GET", f"{KEY}{n}") for n in range(count)))
    assert found == [str(n).encode() for n in range(count)]
    await redis.execute("DEL", *(f"{KEY}{n}" for n in range(count)))


@real
async def test_everybody_shares_one_connection(redis):
    before = re.search(rb"total_connections_received:(\d+)", await redis.execute("INFO", "stats"))
    await asyncio.gather(*(redis.execute("PING") for _ in range(200)))
    after = re.search(rb"total_connections_received:(\d+)", await redis.execute("INFO", "stats"))
    assert before is not None
    assert after is not None
    assert before[1] == after[1]


@real
async def test_who_gives_up_takes_nobody_elses_reply(redis):
    for number in range(50):
        await redis.execute("SET", f"{KEY}{number}", number, "PX", 60_000)
    asked = [asyncio.create_task(redis.execute("GET", f"{KEY}{n}")) for n in range(50)]
    await asyncio.sleep(0)
    for task in asked[::3]:
        task.cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    for number, reply in enumerate(found):
        if number % 3:
            assert reply == str(number).encode()
        else:
            assert isinstance(reply, asyncio.CancelledError)
    await redis.execute("DEL", *(f"{KEY}{n}" for n in range(50)))


@real
async def test_a_refusal_reaches_only_who_asked_for_it(redis):
    outcomes: list[object] = await asyncio.gather(
        redis.execute("ECHO", "a"),
        redis.execute("NOSUCH"),
        redis.execute("ECHO", "b"),
        return_exceptions=True,
    )
    good, bad, fine = outcomes
    assert (good, fine) == (b"a", b"b")
    assert isinstance(bad, Outage)


async def test_commands_of_one_turn_are_read_by_the_server_in_their_order(server):
    async with connected(server) as client:
        assert await client.execute("ECHO", "first") == b"first"
        words = [str(n).encode() for n in range(100)]
        assert await asyncio.gather(*(client.execute("ECHO", word) for word in words)) == words
        assert server.asked[1:] == words
        assert len(server.connections) == 1


async def test_commands_sent_together_are_answered_together(server):
    async with connected(server) as client:
        pairs = [(("ECHO", f"a{n}"), ("ECHO", f"b{n}")) for n in range(50)]  # the first of them connects
        found = await asyncio.gather(*(client.execute_together(*pair) for pair in pairs))
        assert found == [[b"a%d" % n, b"b%d" % n] for n in range(50)]


@pytest.mark.parametrize("wrong", [b"first", b"second"])
async def test_a_refusal_of_one_of_them_is_the_failure_of_both_and_of_nobody_else(server, wrong):
    answer = server.answer
    server.answer = lambda word: b"-ERR no\r\n" if word == wrong else answer(word)
    async with connected(server) as client:
        outcomes: list[object] = await asyncio.gather(
            client.execute_together(("ECHO", "first"), ("ECHO", "second")),
            client.execute("ECHO", "somebody else's"),
            return_exceptions=True,
        )
        assert isinstance(outcomes[0], Outage)
        assert outcomes[1] == b"somebody else's"


async def test_who_gives_up_on_two_takes_nobody_elses_reply(server):
    async with connected(server) as client:
        assert await client.execute("ECHO", "x") == b"x"
        given_up = asyncio.create_task(client.execute_together(("ECHO", "a"), ("ECHO", "b")))
        next_one = asyncio.create_task(client.execute("ECHO", "c"))
        await asyncio.sleep(0)
        given_up.cancel()
        assert await next_one == b"c"


async def test_those_who_come_while_it_connects_wait_for_the_same_connection(server):
    async with connected(server) as client:
        words = [str(n).encode() for n in range(20)]
        assert await asyncio.gather(*(client.execute("ECHO", word) for word in words)) == words
        assert len(server.connections) == 1


async def test_a_reply_that_never_comes_fails_its_command_and_nothing_is_sent_again(server):  # A106
    server.answer = lambda word: None if word in {b"lost", b"behind"} else b"+%s\r\n" % word
    async with connected(server, timeout=0.2) as client:
        assert await client.execute("ECHO", "before") == b"before"
        asked = (client.execute("ECHO", word) for word in ("lost", "behind"))
        for outcome in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(outcome, Outage)
            assert outcome.kind == "timeout"
        assert await client.execute("ECHO", "after") == b"after"
        assert server.asked == [b"before", b"lost", b"behind", b"after"]
        assert len(server.connections) == 2


async def test_a_late_reply_fails_its_own_command_and_reaches_nobody_else(server):
    """The server stalls: what was sent later is still in time when it goes on."""
    asked: dict[bytes, asyncio.Event] = {word: asyncio.Event() for word in (b"early", b"a", b"b")}

    def silent(word: bytes) -> None:
        asked[word].set()

    async with connected(server, timeout=0.4) as client:
        assert await client.execute("ECHO", "x") == b"x"
        answer, server.answer = server.answer, silent
        early = asyncio.create_task(client.execute("ECHO", "early"))
        await asked[b"early"].wait()
        line = client._sender._line  # type: ignore[union-attr]  # it is a SharedConnection
        assert line is not None
        line._waiting[0] = (line._waiting[0][0], line._waiting[0][1] - 0.3)  # as if it had been asked before
        line._look_for_overdue()
        later = [asyncio.create_task(client.execute("ECHO", word)) for word in ("a", "b")]
        with pytest.raises(Outage):
            await early
        assert not any(task.done() for task in later)
        server.answer = answer
        assert await client.execute("ECHO", "new") == b"new"
        assert len(server.connections) == 2
        server.connections[0].write(b"+early\r\n+a\r\n+b\r\n")
        assert await asyncio.gather(*later) == [b"a", b"b"]
        assert server.asked == [b"x", b"early", b"a", b"b", b"new"]
        await eventually(lambda: line._is_closed)
        assert await client.execute("ECHO", "on") == b"on"
        assert len(server.connections) == 2


async def test_a_retired_connection_waits_for_nobody_who_gave_up(server):
    arrived = asyncio.Event()

    def silent(word: bytes) -> None:
        arrived.set()

    async with connected(server, timeout=0.2) as client:
        assert await client.execute("ECHO", "x") == b"x"
        answer, server.answer = server.answer, silent
        given_up = [asyncio.create_task(client.execute("ECHO", "x")) for _ in range(3)]
        together = asyncio.create_task(client.execute_together(("ECHO", "a"), ("ECHO", "b")))
        await arrived.wait()
        for task in (*given_up, together):
            task.cancel()
        shared = client._sender
        assert isinstance(shared, SharedConnection)
        line = shared._line
        assert line is not None
        await eventually(lambda: line._is_closed)  # that nobody waits for a reply excuses no server
        assert line not in shared._lines
        server.answer = answer
        assert await client.execute("ECHO", "y") == b"y"


async def test_after_a_failed_attempt_callers_are_refused_at_once_until_one_in_the_background_succeeds(
    server,
):
    async with server.running() as url:
        client = RedisClient.connect(url, timeout=5, max_connections=1)
        assert await client.execute("ECHO", "x") == b"x"
    server.connections[0].transport.abort()  # and nobody listens any more
    shared = client._sender
    assert isinstance(shared, SharedConnection)
    make, made = shared._make_connection, []
    shared._make_connection = lambda: made.append(1) or make()  # type: ignore[func-returns-value]  # None
    for _ in range(1000):
        with pytest.raises(Outage) as outage:
            await client.execute("ECHO", "y")
        assert outage.value.kind == "unreachable"
    assert shared._circuit.times_opened == 1
    assert len(made) < 10  # the first of them, and the background
    async with server.running(int(url.rpartition(":")[2].partition("/")[0])):
        await eventually(lambda: shared._line is not None and not shared._line.is_over)  # nobody asked for it
        assert await client.execute("ECHO", "z") == b"z"
        await client.close()


async def test_a_server_that_ends_every_connection_is_not_connected_to_again_and_again(server):
    server.answer = lambda _: b"-READONLY You can't write\r\n"
    async with connected(server) as client:
        for _ in range(200):
            with pytest.raises(Outage) as outage:
                await client.execute("INCR", KEY)
            assert outage.value.kind == "refused"
        assert len(server.connections) < 10


async def test_a_connection_that_breaks_fails_who_waits_and_the_next_one_connects_anew(server):
    arrived = asyncio.Event()

    def silent(word: bytes) -> None:
        arrived.set()

    answer, server.answer = server.answer, silent
    async with connected(server) as client:
        waiting = asyncio.create_task(client.execute("ECHO", "lost"))
        await arrived.wait()
        server.connections[0].close()
        with pytest.raises(Outage):
            await waiting
        server.answer = answer
        assert await client.execute("ECHO", "again") == b"again"
        assert server.asked == [b"lost", b"again"]


async def test_a_server_that_trickles_is_an_outage_in_time(server):
    """Each byte comes in time; the reply does not."""
    async with connected(server, timeout=0.3) as client:
        assert await client.execute("ECHO", "before") == b"before"
        server.answer = lambda _: b"$1000\r\n"

        async def trickle() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    server.connections[0].write(b"x")
                    await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        began = monotonic()
        with pytest.raises(Outage):
            await client.execute("ECHO", "x")
        assert monotonic() - began < 4
        trickling.cancel()


@pytest.mark.parametrize("nonsense", [b"?what\r\n", b"+one\r\n+two too many\r\n"])
async def test_a_server_that_talks_nonsense_is_left(server, nonsense):
    async with connected(server, timeout=1) as client:
        answer, server.answer = server.answer, lambda _: nonsense
        with contextlib.suppress(Outage):
            await client.execute("ECHO", "x")
        server.answer = answer
        with contextlib.suppress(Outage):
            await client.execute("ECHO", "perhaps on the old connection")
        assert await client.execute("ECHO", "fine") == b"fine"
        assert len(server.connections) == 2


async def test_a_demoted_server_is_left(server):
    async with connected(server) as client:
        answer, server.answer = server.answer, lambda _: b"-READONLY You can't write\r\n"
        with pytest.raises(Outage):
            await client.execute("INCR", KEY)
        server.answer = answer
        assert await client.execute("ECHO", "here") == b"here"
        assert len(server.connections) == 2


async def test_no_more_than_so_many_wait_for_replies(server):
    arrived = asyncio.Event()

    def silent(word: bytes) -> None:
        arrived.set()

    async with connected(server, max_under_way=2) as client:
        assert await client.execute("ECHO", "x") == b"x"
        answer, server.answer = server.answer, silent
        asked = [asyncio.create_task(client.execute("ECHO", str(n))) for n in range(2)]
        await arrived.wait()
        with pytest.raises(Outage):
            await client.execute("ECHO", "one too many")
        server.connections[0].close()
        assert all(isinstance(o, Outage) for o in await asyncio.gather(*asked, return_exceptions=True))
        server.answer = answer
        assert await client.execute("ECHO", "y") == b"y"
        assert b"one too many" not in server.asked


async def test_who_gave_up_frees_a_place_once_the_reply_came(server):
    async with connected(server, max_under_way=2) as client:
        for number in range(20):
            task = asyncio.create_task(client.execute("ECHO", f"given up {number}"))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await client.execute("ECHO", "x") == b"x"


async def test_what_cannot_be_sent_takes_no_place(server):
    async with connected(server, max_under_way=1) as client:
        for _ in range(3):
            with pytest.raises(TypeError):
                await client.execute("ECHO", None)  # type: ignore[arg-type]  # that is the point
        assert await client.execute("ECHO", "x") == b"x"


async def test_a_connection_that_breaks_at_once_is_an_outage(server):
    async with connected(server, timeout=1) as client:
        shared = client._sender
        assert isinstance(shared, SharedConnection)
        line = await shared._connect()
        line.give_up(None)
        with pytest.raises(RedisConnectionError):
            line.send(("PING",))
        assert await client.execute("ECHO", "x") == b"x"


async def test_a_stall_of_this_process_is_no_outage(server):
    """The reply came while nobody looked."""
    async with connected(server, timeout=0.1) as client:
        assert await client.execute("ECHO", "x") == b"x"
        assert isinstance(client._sender, SharedConnection)
        line = client._sender._line
        assert line is not None
        task = asyncio.create_task(client.execute("ECHO", "y"))
        await asyncio.sleep(0)
        line._waiting[0] = (line._waiting[0][0], line._waiting[0][1] - 5)  # as if it had been asked long ago
        line._look_for_overdue()
        assert await task == b"y"


async def test_closing_fails_who_waits_and_comes_later(server):
    arrived = asyncio.Event()

    def silent(word: bytes) -> None:
        arrived.set()

    server.answer = silent
    async with connected(server) as client:
        waiting = asyncio.create_task(client.execute("ECHO", "x"))
        await arrived.wait()
        await client.close()
        with pytest.raises(Outage):
            await waiting
        with pytest.raises(Outage):
            await client.execute("ECHO", "y")


async def test_closing_while_it_connects_ends_the_attempt():
    arrived = asyncio.Event()

    async def say_nothing(reader, writer):
        arrived.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    client = RedisClient.connect(
        f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", timeout=5, max_connections=1
    )
    waiting = asyncio.create_task(client.execute("PING"))
    await arrived.wait()
    await client.close()
    with pytest.raises(Outage):
        await waiting
    server.close()


async def test_a_client_of_redis_py_is_asked_for_no_more_than_it_has_connections():  # A106
    over = asyncio.Event()

    class Slow(FakeAsyncRedis):
        async def execute_command(self, *args, **options):
            await over.wait()
            return b"PONG"

    narrow = RedisClient(Slow(server=FakeServer()), timeout=0.1, max_connections=1)
    first = asyncio.create_task(narrow.execute("PING"))
    await asyncio.sleep(0)
    with pytest.raises(Outage):
        await narrow.execute("PING")
    over.set()
    assert await first == b"PONG"
    await narrow.close()


class ClosedAtOnce(Connection):
    """Ends as uvloop tells it where the peer hangs up amid the greeting."""

    async def connect(self) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")


async def test_a_connection_that_closes_while_it_is_made_is_an_outage(stores):
    shared = SharedConnection(ClosedAtOnce, timeout=0.25, most_under_way=10)
    with pytest.raises(RedisConnectionError):
        await shared.send("PING")
    await shared.close()
