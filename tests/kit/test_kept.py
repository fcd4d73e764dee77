"""Connections that hot statements hand on to each other."""

import asyncio
from collections.abc import AsyncIterator

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
    assert len(tested._kept._waiting) == 1


async def test_at_most_a_quarter_of_the_connections_stay_out_of_the_pool(tested):
    assert len(set(await asyncio.gather(*(sleep(tested, 0.2) for _ in range(8))))) == 8
    assert len(tested._kept._waiting) == 2


@pytest.mark.parametrize(("pool_size", "kept"), [(1, 0), (2, 1), (3, 1), (10, 2)])
async def test_whoever_needs_the_pool_still_gets_a_connection(places, pool_size, kept):
    limits = DatabaseLimits.within(5, pool_size=pool_size)
    database = await asyncio.to_thread(Database, places.database, limits)
    try:
        await asyncio.gather(*(which(database) for _ in range(pool_size)))
        assert len(database._kept._waiting) == kept
        async with database.write() as connection:
            await connection.execute(text("SELECT 1"))
    finally:
        await database.close()


async def test_one_that_was_closed_while_it_waited_is_nobodys_outage(tested, database):
    before = await which(tested)
    async with tested.read() as other:
        as_old = (await other.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    async with database.read() as connection:
        await connection.execute(END, {"pid": before})
    await eventually(driver_of(tested._kept._waiting[0]).is_closed)
    assert await which(tested) not in {before, as_old}


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
    await eventually(lambda: not tested._kept._waiting)
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
