"""A Redis behind a network that fails: refused at once, no reply to the wrong caller, and back by itself."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from time import monotonic

import pytest
from tests.support.tcp_proxy import TcpProxy, proxied
from tests.support.waiting import eventually

from authsvc.kit.outage import Outage
from authsvc.kit.redis import RedisClient
from authsvc.kit.shared_connection import SharedConnection

pytestmark = pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")

MODES = ["refused", "unanswered", "black hole", "black hole for replies", "trickle"]


@pytest.fixture
async def through(places) -> AsyncIterator[tuple[TcpProxy, str]]:
    async with proxied(places.redis) as (proxy, url):
        yield proxy, url


@pytest.fixture
def proxy(through: tuple[TcpProxy, str]) -> TcpProxy:
    return through[0]


@pytest.fixture
async def tested(through) -> AsyncIterator[RedisClient]:
    client = RedisClient.connect(through[1], timeout=0.25, max_connections=4)
    await eventually(lambda: works(client))
    yield client
    await client.close()


def shared(client: RedisClient) -> SharedConnection:
    assert isinstance(client._sender, SharedConnection)
    return client._sender


async def works(client: RedisClient) -> bool:
    try:
        found: bytes = await client.execute("ECHO", "x")
    except Outage:
        return False
    return found == b"x"


async def fail(proxy: TcpProxy, mode: str) -> None:
    match mode:
        case "refused":
            await proxy.refuse()
            proxy.reset()
        case "unanswered":
            await proxy.ignore()
            proxy.reset()
        case "black hole":
            proxy.black_hole()
        case "black hole for replies":
            proxy.to_client.swallow()
        case "trickle":
            proxy.to_client.trickle = 0.2


# A106
@pytest.mark.parametrize("mode", MODES)
async def test_an_outage_is_told_within_a_second_and_heals_by_itself(proxy, tested, mode):
    await fail(proxy, mode)
    for _ in range(3):
        began = monotonic()
        asked = (tested.execute("ECHO", str(n)) for n in range(50))
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(outcome, Outage) for outcome in outcomes)
        assert monotonic() - began < 2  # at most twice 0.25 s, and a busy machine
    await eventually(lambda: shared(tested)._circuit.cause is not None)
    tried = proxy.accepted
    for _ in range(500):
        with pytest.raises(Outage):
            await tested.execute("ECHO", "x")
    assert proxy.accepted <= tried + 2  # nobody tried but the one in the background
    await proxy.heal()
    await eventually(lambda: shared(tested)._circuit.cause is None)
    assert await works(tested)


@pytest.mark.parametrize("mode", [*MODES, "reset"])
async def test_after_an_outage_there_are_as_many_connections_as_before(proxy, tested, redis, mode):
    async def clients() -> int:
        return len((await redis.execute("CLIENT", "LIST", "TYPE", "normal")).splitlines())

    before = await clients()
    for _ in range(3):
        if mode == "reset":
            proxy.reset()
        await fail(proxy, mode)
        await asyncio.gather(*(tested.execute("ECHO", "x") for _ in range(50)), return_exceptions=True)
        await proxy.heal()
        await eventually(lambda: works(tested))

    async def are_as_before() -> bool:
        return await clients() == before

    await eventually(are_as_before)
    await eventually(lambda: proxy.connections == 1)
    assert len(shared(tested)._lines) == 1


async def test_no_reply_reaches_another_whatever_the_network_does(proxy, tested):
    """Delays around the deadline, cuts in the middle of replies, callers who give up: all of it at once."""
    draw = random.Random(4)  # noqa: S311  (no secret)
    answered = 0
    over = False

    async def disturb() -> None:
        while not over:
            proxy.to_client.delay = draw.choice([0, 0, 0.2, 0.24, 0.25, 0.26, 0.3])
            if draw.random() < 0.2:
                proxy.to_client.cut_after = draw.randrange(500)
            await asyncio.sleep(draw.uniform(0.01, 0.1))
            proxy.to_client.cut_after = None

    async def ask(caller: int) -> None:
        nonlocal answered
        for number in range(40):
            word = b"%d of %d" % (number, caller)
            asked = asyncio.create_task(tested.execute("ECHO", word))
            await asyncio.wait([asked], timeout=draw.choice([0.01, 0.1, 1, 1]))
            asked.cancel()
            outcome: object = (await asyncio.gather(asked, return_exceptions=True))[0]
            assert outcome == word or isinstance(outcome, Outage | asyncio.CancelledError)
            answered += outcome == word

    disturbing = asyncio.create_task(disturb())
    await asyncio.gather(*(ask(caller) for caller in range(20)))
    over = True
    await disturbing
    assert answered > 50
    proxy.to_client.clear()
    await eventually(lambda: works(tested))
    await eventually(lambda: len(shared(tested)._lines) == 1)


async def test_a_stall_shorter_than_the_deadline_fails_nobody(proxy, through, redis):
    patient = RedisClient.connect(through[1], timeout=5, max_connections=4)
    assert await works(patient)

    async def received() -> int:
        found = re.search(rb"total_connections_received:(\d+)", await redis.execute("INFO", "stats"))
        assert found is not None
        return int(found[1])

    before = await received()
    proxy.to_client.delay = 0.1
    assert await asyncio.gather(*(patient.execute("ECHO", str(n)) for n in range(50)))
    assert await received() == before
    await patient.close()


async def test_a_server_that_is_full_is_an_outage_in_which_nobody_is_kept_waiting(through, redis):
    limit = (await redis.execute("CONFIG", "GET", "maxclients"))[b"maxclients"]
    connected = len((await redis.execute("CLIENT", "LIST")).splitlines())
    await redis.execute("CONFIG", "SET", "maxclients", connected)
    client = RedisClient.connect(through[1], timeout=0.25, max_connections=4)
    try:
        for _ in range(10):
            with pytest.raises(Outage) as outage:
                await client.execute("PING")
            assert outage.value.kind == "unreachable"
    finally:
        await redis.execute("CONFIG", "SET", "maxclients", int(limit))
    await eventually(lambda: works(client))
    await client.close()
