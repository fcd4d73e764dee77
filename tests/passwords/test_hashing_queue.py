"""How long the queue may get: by what hashes take now, and shorter in a flood."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from authsvc.errors import Overloaded
from authsvc.passwords import hashing_queue
from authsvc.passwords.hashing_queue import HashingQueue, _waited

DAY = 24 * 3600


@asynccontextmanager
async def busy_queue(
    length: int = 20, patience: float = 30
) -> AsyncIterator[tuple[HashingQueue, Callable[[], None]]]:
    """Give a queue whose one thread works until it is told that it may end."""
    queue = HashingQueue(threads=1, length=length, timeout=patience, niceness=0)
    begun, gate = threading.Event(), threading.Event()

    def work():
        begun.set()
        gate.wait()

    running = asyncio.ensure_future(queue.run(work))
    await asyncio.to_thread(begun.wait)
    yield queue, gate.set
    gate.set()
    await running
    queue.close()


async def wait_in(queue: HashingQueue, number: int) -> "list[asyncio.Future[str]]":
    """Let so many wait; return when they do."""
    waiting: list[asyncio.Future[str]] = []
    waiting += [asyncio.ensure_future(queue.run(str, "done")) for _ in range(number)]
    await asyncio.sleep(0)
    return waiting


# A014
async def test_who_would_wait_in_vain_by_what_hashes_take_is_refused_at_once():
    async with busy_queue(patience=10) as (queue, release):
        queue._takes = 4.0
        waiting = await wait_in(queue, 3)  # the third begins after eight of its ten seconds
        with pytest.raises(Overloaded):
            await queue.run(lambda: "never")
        release()
        assert await asyncio.gather(*waiting) == ["done"] * 3


async def test_one_may_always_wait_however_long_hashes_take():
    async with busy_queue() as (queue, release):
        queue._takes = DAY
        (waiting,) = await wait_in(queue, 1)
        release()
        assert await waiting == "done"


async def test_who_waits_in_vain_is_told_as_soon_as_that_is_known():
    async with busy_queue() as (queue, release):
        waiting = await wait_in(queue, 9)
        queue._takes = DAY  # and what is computed now takes no time, so that much is left of it
        release()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert outcomes[0] == "done"
    assert [type(outcome) for outcome in outcomes[2:]] == [Overloaded] * 7


async def test_in_a_flood_fewer_wait_and_after_it_as_many_as_before():
    async with busy_queue(length=10) as (queue, release):
        queue._takes = 0.1
        waiting = await wait_in(queue, 10)
        assert not any(each.done() for each in waiting)
        assert queue.is_full  # and who asked was refused
        for each in waiting[2:]:
            each.cancel()
        await asyncio.sleep(0)
        assert not queue.is_full
        waiting += await wait_in(queue, 1)
        assert queue.is_full  # two and a half may be served in the time that is left to them
        queue._flooded_until = 0.0
        assert not queue.is_full
        release()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_in_a_flood_a_thread_rests_if_others_wanted_its_core_and_a_closed_queue_wakes_it():
    queue = HashingQueue(threads=1, length=1, timeout=30, niceness=0)
    began = threading.Event()

    def must_rest():
        queue._of_thread.rest = DAY

    def work():
        began.set()
        return "done"

    await queue.run(lambda: None)
    assert queue._executor.submit(must_rest).result() is None
    queue._flooded_until = time.monotonic() + DAY
    resting = asyncio.ensure_future(queue.run(work))
    assert not await asyncio.to_thread(began.wait, 0.05)
    queue.close()
    assert await resting == "done"


async def test_out_of_a_flood_nobody_rests():
    queue = HashingQueue(threads=1, length=1, timeout=30, niceness=0)

    def must_rest():
        queue._of_thread.rest = DAY

    assert await asyncio.to_thread(queue._executor.submit(must_rest).result) is None
    assert await queue.run(lambda: "done") == "done"
    queue.close()


@pytest.mark.parametrize(("seconds", "rests"), [(1e-9, False), (0.1, True)])
async def test_the_short_turns_that_refusals_take_are_no_reason_to_rest(monkeypatch, seconds, rests):
    kept_from_core = itertools.cycle([0.0, seconds])
    monkeypatch.setattr(hashing_queue, "_waited", lambda: next(kept_from_core))
    queue = HashingQueue(threads=1, length=1, timeout=30, niceness=0)
    queue._flooded_until = time.monotonic() + DAY
    await queue.run(lambda: sum(range(10_000)))
    assert (
        await asyncio.to_thread(queue._executor.submit(lambda: queue._of_thread.rest).result) > 0
    ) is rests
    queue.close()


async def test_in_a_flood_the_rest_to_come_counts_for_those_who_wait(monkeypatch):
    kept_from_core = itertools.cycle([0.0, 0.1])  # seconds, before and after each work: 1 of rest
    monkeypatch.setattr(hashing_queue, "_waited", lambda: next(kept_from_core))
    async with busy_queue(patience=5) as (queue, release):
        waiting = await wait_in(queue, 20)
        queue._flooded_until = time.monotonic() + DAY
        release()
        assert await waiting[0] == "done"
        refused = await asyncio.gather(*waiting[-13:], return_exceptions=True)
        assert [type(outcome) for outcome in refused] == [Overloaded] * 13
        assert not waiting[1].done()  # it rests, and some more are within what is left of the five seconds
        queue.close()
        await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only Linux counts it")
def test_how_long_a_thread_waited_for_a_core_is_read_from_the_system():
    told = int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    assert 0 <= told <= _waited() < told + 60
