"""Questions of one turn are asked together, and nobody gets an answer that is older than the question."""

import asyncio

import pytest

from authsvc.kit.gathered import Gathered


class Source:
    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.began = asyncio.Event()
        self.fails = False

    async def __call__(self, keys):
        self.asked.append(list(keys))
        self.began.set()
        await self.go.wait()
        if self.fails:
            raise OSError("gone")
        return {key: key * 2 for key in self.asked[-1] if key >= 0}


async def test_one_turn_asks_once():
    source = Source()
    find = Gathered(source, most=100)
    assert await asyncio.gather(*(find(n) for n in (1, 2, 3, 2, -1))) == [2, 4, 6, 4, None]
    assert source.asked == [[1, 2, 3, -1]]


async def test_what_is_being_asked_is_not_good_enough_for_who_comes_later():
    source = Source()
    source.go.clear()
    find = Gathered(source, most=100)
    first = asyncio.ensure_future(find(1))
    await source.began.wait()
    second = asyncio.ensure_future(find(1))
    source.began.clear()
    await source.began.wait()
    source.go.set()
    assert [await first, await second] == [2, 2]
    assert source.asked == [[1], [1]]


async def test_no_more_than_so_many_are_asked_together():
    source = Source()
    find = Gathered(source, most=3)
    assert await asyncio.gather(*(find(n) for n in range(7))) == [n * 2 for n in range(7)]
    assert source.asked == [[0, 1, 2], [3, 4, 5], [6]]


async def test_all_who_asked_are_told_of_the_failure_and_the_next_one_asks_anew():
    source = Source()
    source.fails = True
    find = Gathered(source, most=100)
    assert [type(o) for o in await asyncio.gather(find(1), find(2), return_exceptions=True)] == [OSError] * 2
    source.fails = False
    assert await find(1) == 2


async def test_who_stops_waiting_stops_nobody_else():
    source = Source()
    source.go.clear()
    find = Gathered(source, most=100)
    same, other, leaves = (asyncio.ensure_future(find(n)) for n in (1, 2, 1))
    await source.began.wait()
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    source.go.set()
    assert [await same, await other] == [2, 4]
