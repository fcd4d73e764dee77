"""What the proxy claims to do, it does: the tests of faults stand on it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.support.tcp_proxy import TcpProxy, upstream_of, url_through

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(params=["tcp", "unix"])
async def proxy(request, tmp_path) -> AsyncIterator[TcpProxy]:
    """A proxy before a server that says what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while said := await reader.read(100):
                writer.write(said)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    if request.param == "unix":
        server: asyncio.Server = await asyncio.start_unix_server(echo, tmp_path / "socket")
        proxy = TcpProxy(str(tmp_path / "socket"))
    else:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        proxy = TcpProxy(server.sockets[0].getsockname()[:2])
    async with proxy.running():
        yield proxy
    server.close()


@pytest.fixture
async def connect(proxy) -> AsyncIterator[Callable[[], Awaitable[Ends]]]:
    opened: list[asyncio.StreamWriter] = []

    async def to_proxy() -> Ends:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        opened.append(writer)
        return reader, writer

    yield to_proxy
    for writer in opened:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def say(ends: Ends, word: bytes) -> bytes:
    ends[1].write(word)
    return await ends[0].readexactly(len(word))


async def hears_nothing(ends: Ends, seconds: float = 0.05) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ends[0].readexactly(1)
        return False
    return True


async def test_it_carries_everything_both_ways_and_counts(proxy, connect):
    ends = await connect()
    assert await say(ends, b"x" * 200_000) == b"x" * 200_000
    assert proxy.to_server.passed == proxy.to_client.passed == 200_000
    assert (proxy.connections, proxy.accepted) == (1, 1)
    ends[1].close()
    assert await ends[0].read() == b""


async def test_it_carries_the_end_of_one_way_alone(proxy, connect):
    reader, writer = await connect()
    writer.write(b"last")
    writer.write_eof()
    assert await reader.read() == b"last"


@pytest.mark.parametrize("way", ["to_server", "to_client"])
async def test_it_swallows_one_way_and_delivers_late(proxy, connect, way):
    ends = await connect()
    getattr(proxy, way).swallow()
    ends[1].write(b"x")
    assert await hears_nothing(ends)
    getattr(proxy, way).clear()
    assert await ends[0].readexactly(1) == b"x"


async def test_it_delays_and_keeps_the_order(proxy, connect):
    ends = await connect()
    proxy.to_client.delay = 0.1
    began = asyncio.get_running_loop().time()
    for word in (b"a", b"b", b"c"):
        ends[1].write(word)
        await ends[1].drain()
    assert await ends[0].readexactly(3) == b"abc"
    assert asyncio.get_running_loop().time() - began >= 0.1


async def test_it_cuts_after_so_many_bytes(proxy, connect):
    ends = await connect()
    proxy.to_client.cut_after = 3
    ends[1].write(b"abcdef")
    heard = b""
    with contextlib.suppress(ConnectionResetError):  # what came before a reset may be lost with it
        while said := await ends[0].read(10):
            heard += said
    assert b"abc".startswith(heard)
    assert proxy.to_client.passed == 3


async def test_it_trickles(proxy, connect):
    ends = await connect()
    proxy.to_client.trickle = 0.001
    ends[1].write(b"abc")
    assert await ends[0].read(10) == b"a"
    assert await ends[0].readexactly(2) == b"bc"


async def test_it_refuses_new_connections_and_leaves_the_old(proxy, connect):
    ends = await connect()
    assert await say(ends, b"x") == b"x"
    await proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connect()
    assert await say(ends, b"x") == b"x"
    await proxy.listen()
    assert await say(await connect(), b"y") == b"y"


async def test_it_leaves_new_connections_unanswered(proxy, connect):
    await proxy.ignore()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await connect()
    await proxy.listen()
    assert await say(await connect(), b"y") == b"y"


async def test_it_resets_what_is_open(proxy, connect):
    ends = await connect()
    assert await say(ends, b"x") == b"x"
    proxy.reset()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await say(ends, b"y")
    assert await say(await connect(), b"z") == b"z"


async def test_it_heals_from_everything(proxy, connect):
    old = await connect()
    proxy.black_hole()
    old[1].write(b"lost")
    await proxy.ignore()
    await proxy.heal()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await old[0].readexactly(1)
    assert await say(await connect(), b"x") == b"x"
    assert proxy.connections == 1


@pytest.mark.parametrize(
    ("url", "upstream", "through"),
    [
        ("unix:///a/socket?db=2", "/a/socket", "redis://127.0.0.1:7/2"),
        ("unix://u:p@/a/socket", "/a/socket", "redis://u:p@127.0.0.1:7/0"),
        ("redis://u:p@host:6380/1", ("host", 6380), "redis://u:p@127.0.0.1:7/1"),
        ("redis://host", ("host", 6379), "redis://127.0.0.1:7"),
        (
            "postgresql+asyncpg://me@/db?host=/run/pg&port=5433&ssl=disable",
            "/run/pg/.s.PGSQL.5433",
            "postgresql+asyncpg://me@127.0.0.1:7/db?ssl=disable",
        ),
        (
            "postgresql+asyncpg://me:pw@host/db",
            ("host", 5432),
            "postgresql+asyncpg://me:pw@127.0.0.1:7/db",
        ),
    ],
)
def test_it_takes_the_place_of_the_server_in_a_url(url, upstream, through):
    assert upstream_of(url) == upstream
    proxy = TcpProxy(upstream)
    proxy.port = 7
    assert url_through(proxy, url) == through
