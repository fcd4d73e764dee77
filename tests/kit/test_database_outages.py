"""A database behind a network that fails: refused at once, nothing left behind, and back by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from time import monotonic

import pytest
from sqlalchemy import literal, select, text
from tests.support.tcp_proxy import TcpProxy, proxied
from tests.support.waiting import eventually

from authsvc.kit.database import Database, DatabaseLimits
from authsvc.kit.gathered import Gathered
from authsvc.kit.logs import request_id
from authsvc.kit.outage import Outage
from authsvc.kit.prepared import Prepared, driver_of
from authsvc.kit.seats import break_off

pytestmark = pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")

POOL = 4
ONE = Prepared(select(literal(1)))
MODES = ["refused", "unanswered", "black hole", "reset", "black hole for replies"]


@pytest.fixture
async def through(places) -> AsyncIterator[tuple[TcpProxy, str]]:
    async with proxied(places.database) as (proxy, url):
        yield proxy, f"{url}?ssl=disable"  # else asyncpg looks for certificates


@pytest.fixture
def proxy(through: tuple[TcpProxy, str]) -> TcpProxy:
    return through[0]


@pytest.fixture
async def tested(through) -> AsyncIterator[Database]:
    limits = DatabaseLimits.within(0.8, pool_size=POOL)
    database = await asyncio.to_thread(Database, through[1], limits)
    await asyncio.gather(*(ask(database) for _ in range(2 * POOL)))
    yield database
    await database.close()


async def ask(database: Database, statement: str = "SELECT 1") -> None:
    async with database.write() as connection:
        await connection.execute(text(statement))


async def works(database: Database) -> bool:
    try:
        await ask(database)
    except Outage:
        return False
    return True


async def succeeds(asking: Awaitable[None]) -> bool:
    return await asyncio.ensure_future(outcome_of(asking)) is None


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
        case "reset":
            proxy.reset()


async def outcome_of(asking: Awaitable[None]) -> BaseException | None:
    """Return what it fails with; None if it does not."""
    outcomes = await asyncio.gather(asking, return_exceptions=True)
    return outcomes[0]


# A106
@pytest.mark.parametrize("mode", MODES)
async def test_an_outage_is_told_within_a_second_and_heals_by_itself(proxy, tested, mode):
    await fail(proxy, mode)
    began = monotonic()
    outcomes = await asyncio.gather(*(outcome_of(ask(tested)) for _ in range(3 * POOL)))
    lasted = monotonic() - began
    assert all(outcome is None or isinstance(outcome, Outage) for outcome in outcomes)
    assert any(isinstance(outcome, Outage) for outcome in outcomes)
    assert lasted < 2  # the 0.8 s of a visit, and a busy machine
    if mode != "reset":
        await eventually(lambda: tested._circuit.cause is not None)
        tried = proxy.accepted
        for _ in range(500):
            with pytest.raises(Outage):
                await ask(tested)
        assert proxy.accepted <= tried + 2  # nobody tried but the one in the background
    await proxy.heal()
    await eventually(lambda: tested._circuit.cause is None if mode != "reset" else works(tested))
    for _ in range(2 * POOL):
        await ask(tested)  # what was connected before the outage is used no more


@pytest.mark.parametrize("mode", MODES)
async def test_after_an_outage_there_are_as_many_connections_as_before(proxy, tested, database, mode):
    """Counted where it matters: in the server, in the proxy, and in the pool."""

    async def backends() -> int:
        async with database.read() as connection:
            found = await connection.execute(
                text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'authsvc'")
            )
            return int(found.scalar_one())

    before = await backends()
    assert proxy.connections == POOL
    for _ in range(2):
        await fail(proxy, mode)
        await asyncio.gather(*(outcome_of(ask(tested)) for _ in range(3 * POOL)))
        await proxy.heal()
        await eventually(lambda: works(tested))

    async def all_work() -> bool:
        return all(await asyncio.gather(*(works(tested) for _ in range(2 * POOL))))

    await eventually(all_work)
    await eventually(lambda: tested.engine.pool.checkedout() == 0)
    await eventually(lambda: proxy.connections <= POOL)

    async def are_as_before() -> bool:
        return await backends() <= before

    await eventually(are_as_before)


async def test_a_visit_ends_in_time_where_those_that_were_left_are_lost_and_none_can_be_opened(through):
    proxy, url = through
    limits = DatabaseLimits(pool_size=1, pool_timeout=3600, connect_timeout=3600, visit_timeout=0.3)
    database = await asyncio.to_thread(Database, url, limits)
    await database.run(ONE, {})
    await fail(proxy, "unanswered")
    await eventually(driver_of(database._seats._left[0]).is_closed)
    async with asyncio.timeout(20):
        with pytest.raises(Outage):
            await database.run(ONE, {})
    await proxy.heal()
    await database.close()


async def test_the_visits_of_one_request_share_one_deadline(proxy, tested):
    async def visits(request: str, number: int) -> None:
        request_id.set(request)  # of this task alone
        for _ in range(number):
            async with tested.read() as connection:
                await connection.execute(text("SELECT 1"))

    proxy.to_client.delay = 0.3  # by itself each visit is in time
    assert isinstance(await asyncio.create_task(outcome_of(visits("one", 3))), Outage)
    proxy.to_client.clear()
    await eventually(lambda: succeeds(visits("another", 3)))


async def test_what_is_gathered_for_a_request_counts_as_its_visit(proxy, tested):
    async def read() -> None:
        async with tested.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def look(_keys: object) -> dict[str, None]:
        await read()
        return {}

    gathered = Gathered(look, most=9)

    async def visits(request: str, *, gathered_first: bool) -> None:
        request_id.set(request)  # of this task alone
        steps = [lambda: tested.await_visit(gathered("key")), read]
        for step in (steps if gathered_first else steps[::-1]) * 2:
            await step()

    proxy.to_client.delay = 0.3  # by itself each visit is in time
    for gathered_first in (True, False):
        name = str(gathered_first)
        outcome = await outcome_of(asyncio.create_task(visits(name, gathered_first=gathered_first)))
        assert isinstance(outcome, Outage)
        assert outcome.kind == "timeout"
    proxy.to_client.clear()
    await eventually(lambda: succeeds(visits("another", gathered_first=True)))


async def test_who_is_cancelled_at_any_moment_leaves_no_connection_behind(proxy, tested):
    proxy.to_client.delay = 0.002
    await tested.engine.dispose()  # so that some are cancelled while they connect
    for number in range(60):
        if number % 3 == 0:
            await tested.engine.dispose()
        task = asyncio.create_task(ask(tested))
        for _ in range(number):
            await asyncio.sleep(0.0005)
        task.cancel()
        assert isinstance(await outcome_of(task), asyncio.CancelledError | None)
    assert tested.engine.pool.checkedout() == 0
    await asyncio.gather(*(ask(tested) for _ in range(2 * POOL)))
    await eventually(lambda: proxy.connections <= POOL)


# A106
async def test_a_lock_that_one_user_waits_for_is_nobody_elses_outage(tested, database):
    async with database.write() as holder:
        await holder.execute(text("LOCK TABLE users"))
        waiting = [asyncio.create_task(ask(tested, "LOCK TABLE users")) for _ in range(POOL - 1)]
        while not all(task.done() for task in waiting):
            await ask(tested)
    for task in waiting:
        outcome = await outcome_of(task)
        assert isinstance(outcome, Outage)
        assert outcome.kind == "refused"
    assert tested._circuit.times_opened == 0


async def test_a_server_that_is_too_slow_for_one_visit_is_no_outage_for_all(proxy, tested):
    """Every statement is in time, but all of them together are not."""
    with pytest.raises(Outage) as outage:  # noqa: PT012  (as it is used)
        async with tested.write() as connection:
            for _ in range(10):
                await connection.execute(text("SELECT pg_sleep(0.2)"))
    assert outage.value.kind == "timeout"
    for _ in range(10):
        await ask(tested)
    assert tested._circuit.times_opened == 0


async def test_a_full_server_is_no_reason_to_refuse_who_has_a_connection(places, through, database):
    async with database.write() as connection:
        await connection.execute(text("DROP ROLE IF EXISTS narrow"))
        await connection.execute(text("CREATE ROLE narrow LOGIN CONNECTION LIMIT 1"))
    url = through[1].replace(through[1].split("//")[1].split("@")[0], "narrow", 1)
    limits = DatabaseLimits.within(0.8, pool_size=2)
    narrow = await asyncio.to_thread(Database, url, limits)
    async with narrow.read():
        with pytest.raises(Outage) as outage:
            await ask(narrow)
        assert outage.value.kind == "refused"
    await ask(narrow)
    assert narrow._circuit.times_opened == 0
    await narrow.close()
    async with database.write() as connection:
        await connection.execute(text("DROP ROLE narrow"))


async def test_a_server_that_does_not_let_us_in_is_asked_in_the_background_alone(through):
    url = through[1].replace(through[1].split("//")[1].split("@")[0], "nobody", 1)
    stranger = await asyncio.to_thread(Database, url, DatabaseLimits.within(0.8, pool_size=2))
    for _ in range(20):
        with pytest.raises(Outage) as outage:
            await ask(stranger)
        assert outage.value.kind == "configuration"
    assert stranger._circuit.times_opened == 1
    await stranger.close()


async def test_what_was_connected_before_an_outage_is_not_used_after_it(tested, database):
    """It may seem to be alive, and its packets be dropped by a firewall that has forgotten it."""

    async def backends() -> set[int]:
        async with tested.read() as one, tested.read() as other:
            asked = text("SELECT pg_backend_pid()")
            return {(await each.execute(asked)).scalar_one() for each in (one, other)}

    before = await backends()
    assert await backends() == before
    tested._circuit.open(OSError())
    await eventually(lambda: tested._circuit.cause is None)
    assert before.isdisjoint(await backends())
    assert tested.engine.pool.checkedout() == 0


async def test_a_connection_that_is_lost_while_the_driver_prepares_a_statement_is_an_outage(tested):
    with pytest.raises(Outage):  # noqa: PT012  (the visit is what raises)
        async with tested.read() as connection:
            break_off(connection.sync_connection.connection.dbapi_connection)
            raise AttributeError("bind_execute")  # as asyncpg's own code does
    await eventually(lambda: works(tested))


async def test_an_attribute_that_is_missing_for_another_reason_is_a_defect(tested):
    with pytest.raises(AttributeError):
        async with tested.read():
            raise AttributeError("a defect of ours")


async def test_a_transport_that_uvloop_calls_closed_is_an_outage(tested):
    with pytest.raises(Outage):
        async with tested.read():
            raise RuntimeError(
                "unable to perform operation on <TCPTransport closed=True>; the handler is closed"
            )
    with pytest.raises(RuntimeError):
        async with tested.read():
            raise RuntimeError("a defect of ours")
