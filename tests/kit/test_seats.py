"""Connections that hot statements hand on to each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import bindparam, func, select, text
from tests.support.waiting import eventually

from authsvc.kit.database import Database, DatabaseLimits
from authsvc.kit.outage import Outage
from authsvc.kit.prepared import Prepared, driver_of

pytestmark = pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")

WHICH = Prepared(select(func.pg_backend_pid()))
SLEEP = Prepared(select(func.pg_backend_pid(), func.pg_sleep(bindparam("seconds"))))
ACTIVE = text("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(:pids)")
END = text("SELECT pg_terminate_backend(:pid)")


@pytest.fixture
async def tested(places) -> AsyncIterator[Database]:
    tested = await asyncio.to_thread(Database, places.database, DatabaseLimits.within(5, pool_size=8))
    yield tested
    await tested.close()


async def which(database: Database) -> int:
    return int((await database.run(WHICH, {}))[0][0])


async def sleep(database: Database, seconds: float) -> int:
    return int((await database.run(SLEEP, {"seconds": seconds}))[0][0])


async def test_one_statement_after_the_other_has_the_same_connection(tested):
    assert len({await which(tested) for _ in range(5)}) == 1
    assert len(tested._seats._left) == 1


async def test_those_who_ask_at_once_leave_as_many_connections(tested):
    assert len(set(await asyncio.gather(*(sleep(tested, 0.2) for _ in range(8))))) == 8
    assert len(tested._seats._left) == 8


@pytest.mark.parametrize("pool_size", [1, 2, 8])
async def test_whoever_needs_the_pool_gets_what_was_left(places, pool_size):
    limits = DatabaseLimits.within(5, pool_size=pool_size)
    database = await asyncio.to_thread(Database, places.database, limits)
    try:
        await asyncio.gather(*(sleep(database, 0.1) for _ in range(pool_size)))
        async with AsyncExitStack() as open_:
            for _ in range(pool_size):
                connection = await open_.enter_async_context(database.write())
                await connection.execute(text("SELECT 1"))
        assert await which(database)
    finally:
        await database.close()


async def test_nobody_is_overtaken_who_waits_for_a_connection(tested):
    done: list[int] = []

    async def ask(number: int) -> None:
        while len(done) < 2000:
            before = len(done)
            await which(tested)
            overtaking.append(len(done) - before)
            done.append(number)

    overtaking: list[int] = []
    await asyncio.gather(*(sleep(tested, 0.1) for _ in range(8)))  # all are open
    await asyncio.gather(*(ask(number) for number in range(40)))
    assert max(overtaking) < 400


async def test_a_transaction_waits_no_longer_than_statements_that_hand_their_connection_on(tested):
    served: list[int] = []

    async def ask() -> None:
        while not written.done():
            served.append(await which(tested))

    async def write() -> None:
        async with tested.write() as connection:
            await connection.execute(text("SELECT 1"))

    written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asking = [asyncio.ensure_future(ask()) for _ in range(40)]
    await eventually(lambda: len(served) > 80)
    before = len(served)
    await write()
    written.set_result(None)
    assert len(served) - before < 400
    await asyncio.gather(*asking)


async def test_waiting_for_a_seat_ends_and_costs_nobody_one(places):
    limits = DatabaseLimits(pool_size=1, pool_timeout=0.05)
    database = await asyncio.to_thread(Database, places.database, limits)
    try:
        async with database.read():
            with pytest.raises(Outage) as outage:
                await which(database)
        assert outage.value.kind == "timeout"
        assert await which(database)
    finally:
        await database.close()


async def test_one_who_leaves_the_line_takes_no_seat_along(tested):
    sleeping = [asyncio.ensure_future(sleep(tested, 0.1)) for _ in range(8)]
    waiting = [asyncio.ensure_future(which(tested)) for _ in range(8)]
    await eventually(lambda: len(tested._seats._seats._waiters or ()) == 8)
    for one in waiting[::2]:
        one.cancel()
    found = await asyncio.gather(*sleeping, *waiting, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in found[8:]] == [True, False] * 4
    assert len(set(await asyncio.gather(*(sleep(tested, 0.1) for _ in range(8))))) == 8


async def test_one_that_was_closed_while_it_waited_is_nobodys_outage(tested, database):
    before = await which(tested)
    async with tested.read() as other:
        as_old = (await other.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    async with database.read() as connection:
        await connection.execute(END, {"pid": before})
    await eventually(driver_of(tested._seats._left[0]).is_closed)
    assert await which(tested) not in {before, as_old}


async def test_one_that_was_closed_while_it_waited_is_not_given_to_a_transaction(places, database):
    tested = await asyncio.to_thread(Database, places.database, DatabaseLimits.within(5, pool_size=1))
    try:
        pid = await which(tested)
        async with database.read() as connection:
            await connection.execute(END, {"pid": pid})
        await eventually(driver_of(tested._seats._left[0]).is_closed)
        async with tested.write() as other:
            assert (await other.execute(text("SELECT pg_backend_pid()"))).scalar_one() != pid
    finally:
        await tested.close()


async def lose_another(tested: Database, database: Database) -> None:
    async with tested.read() as lost:
        pid = (await lost.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        async with database.read() as connection:
            await connection.execute(END, {"pid": pid})
        await lost.execute(text("SELECT 1"))


async def test_after_another_connection_was_lost_it_is_not_used_again(tested, database):
    before = await which(tested)
    with pytest.raises(Outage):
        await lose_another(tested, database)
    assert await which(tested) != before


async def test_one_whose_statement_was_interrupted_is_not_used_again(tested):
    before = await which(tested)
    interrupted = asyncio.ensure_future(sleep(tested, 30))
    await eventually(lambda: not tested._seats._left)
    interrupted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await interrupted
    assert await which(tested) != before


async def test_none_is_left_when_the_database_is_closed(tested, database):
    pids = list(set(await asyncio.gather(*(sleep(tested, 0.1) for _ in range(4)))))
    await tested.close()

    async def gone() -> bool:
        async with database.read() as connection:
            return not (await connection.execute(ACTIVE, {"pids": pids})).scalar_one()

    await eventually(gone)
