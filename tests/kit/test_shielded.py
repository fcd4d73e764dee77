import asyncio

import pytest

from authsvc.kit.shielded import to_the_end


async def test_the_result_comes_back():
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert await to_the_end(work()) == 7


async def test_an_error_comes_through():
    async def work() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await to_the_end(work())


@pytest.mark.parametrize("fails", [False, True])
async def test_a_caller_that_goes_away_does_not_stop_the_work(fails):
    begun, released, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await released.wait()
        done.set()
        if fails:
            raise ZeroDivisionError

    caller = asyncio.create_task(to_the_end(work()))
    await begun.wait()
    caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()  # the caller leaves when the work is done, not before
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done.is_set()
