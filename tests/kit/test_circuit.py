"""Closed, open, and what finds out."""

import asyncio

import pytest
from tests.support.waiting import eventually

from authsvc.kit import circuit
from authsvc.kit.circuit import Circuit, Refused


class Server:
    """Answers an attempt or fails it."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.asked = 0
        self.under_way = 0
        self.go = asyncio.Event()
        self.go.set()

    async def attempt(self) -> None:
        self.asked += 1
        self.under_way += 1
        assert self.under_way == 1
        await self.go.wait()
        self.under_way -= 1
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def server(monkeypatch) -> Server:
    monkeypatch.setattr(circuit, "_PAUSE", (0.001, 0.002))
    return Server()


@pytest.fixture
async def tested(server):
    built = Circuit("redis", server.attempt)
    yield built
    await built.stop()


async def test_it_refuses_with_the_cause_until_an_attempt_succeeds(server, tested):
    tested.check()
    server.failure = ConnectionError("down")
    tested.open(OSError("first"))
    with pytest.raises(Refused, match="first"):
        tested.check()
    await eventually(lambda: server.asked > 2)
    with pytest.raises(Refused, match="down") as refused:
        tested.check()
    assert refused.value.cause is server.failure
    server.failure = None
    await eventually(lambda: tested.cause is None)
    tested.check()
    assert tested.times_opened == 1


async def test_a_suspicion_opens_it_only_if_an_attempt_fails_too(server, tested):
    tested.suspect()
    await eventually(lambda: server.asked == 1)
    tested.check()
    assert tested.times_opened == 0
    server.failure = OSError("indeed")
    tested.suspect()
    await eventually(lambda: tested.cause is not None)


async def test_one_attempt_at_a_time_however_many_suspect(server, tested):
    server.go.clear()
    for _ in range(100):
        tested.suspect()
        tested.open(OSError())
        await asyncio.sleep(0)
    server.go.set()
    await eventually(lambda: tested.cause is None)
    assert server.asked == 1
    assert tested.times_opened == 1


async def test_it_opens_again(server, tested):
    for number in (1, 2):
        tested.open(OSError())
        assert tested.times_opened == number
        await eventually(lambda: tested.cause is None)


async def test_who_sees_the_dependency_answer_mends_it(server, tested):
    server.go.clear()
    tested.open(OSError())
    tested.mend()
    tested.check()


async def test_once_stopped_it_asks_nobody(server, tested):
    server.failure = OSError()
    tested.open(OSError())
    await eventually(lambda: server.asked > 1)
    await tested.stop()
    asked = server.asked
    tested.suspect()
    tested.open(OSError())
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert server.asked == asked
