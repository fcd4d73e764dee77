"""The door to Redis: sent once, answered in time, or an outage."""

import asyncio
import hashlib
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from authsvc.kit.lua import Script
from authsvc.kit.outage import Outage
from authsvc.kit.redis import RedisClient

KEY = "authsvc:{throttle}:account:" + "0" * 32
SOURCE = "local n = redis.call('INCR', KEYS[1]) redis.call('PEXPIRE', KEYS[1], ARGV[1]) return n"
COUNT = Script(
    "count",
    SOURCE,
    hashlib.sha1(SOURCE.encode(), usedforsecurity=False).hexdigest(),
)


async def test_replies_are_raw(redis):
    await redis.execute("SET", KEY, b"\xff", "PX", 60_000)
    assert await redis.execute("GET", KEY) == b"\xff"
    assert await redis.execute("GET", KEY + "1") is None


async def test_a_script_that_the_server_does_not_know_is_sent_and_run_once(redis):
    await redis.execute("SCRIPT", "FLUSH")
    assert await redis.run(COUNT, [KEY], [60_000]) == 1
    assert await redis.run(COUNT, [KEY], [60_000]) == 2
    await redis.execute("SCRIPT", "FLUSH")
    assert await redis.run(COUNT, [KEY], [60_000]) == 3


@pytest.mark.parametrize("command", [("NOSUCH",), ("INCR", KEY)])
async def test_a_command_that_is_refused_is_an_outage(redis, command):
    await redis.execute("SET", KEY, "no number", "PX", 60_000)
    with pytest.raises(Outage) as outage:
        await redis.execute(*command)
    assert outage.value.dependency == "redis"


async def test_a_server_that_is_not_there_is_an_outage():
    for url in ("redis://127.0.0.1:1/0", "unix:///nonexistent/socket"):
        gone = RedisClient.connect(url, timeout=0.25, max_connections=2)
        with pytest.raises(Outage, match="redis is unavailable"):
            await gone.execute("PING")
        await gone.close()


@asynccontextmanager
async def listening(serve):
    """Run a server on a socket; ``serve`` is given both ends of each connection."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()


async def test_a_server_that_says_nothing_is_an_outage_in_time():  # A106
    connections, over = [], asyncio.Event()

    async def say_nothing(reader, writer):
        connections.append(1)
        await over.wait()
        writer.close()

    async with listening(say_nothing) as url:
        client = RedisClient.connect(url, timeout=0.05, max_connections=2)
        began = monotonic()
        with pytest.raises(Outage):
            await client.execute("PING")
        assert monotonic() - began < 5
        assert connections == [1]  # nothing was tried again
        over.set()
        await client.close()


async def test_nothing_is_sent_a_second_time():
    """A server that hangs up instead of answering may have done what it was asked."""
    asked = []

    async def hang_up(reader, writer):
        asked.append(await reader.read(100))
        writer.close()

    async with listening(hang_up) as url:
        client = RedisClient.connect(url, timeout=1, max_connections=2)
        with pytest.raises(Outage):
            await client.execute("INCR", KEY)
        assert len(asked) == 1
        await client.close()
