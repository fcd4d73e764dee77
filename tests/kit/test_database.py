"""The door to the database: what comes through, and what is thrown away."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, event, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from authsvc.kit.database import Database, DatabaseLimits, UtcDateTime
from authsvc.kit.outage import Outage

REAL = pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")
things = Table(
    "things_of_a_test",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("happened_at", UtcDateTime),
)


@pytest.fixture
async def table(database):
    async with database.write() as connection:
        await connection.run_sync(things.create)
    yield
    async with database.write() as connection:
        await connection.run_sync(things.drop)


async def opened(url: str, **limits: float) -> Database:
    """Return another pool of connections; SQLAlchemy looks where SQLite's file is."""
    return await asyncio.to_thread(Database, url, DatabaseLimits(**limits))  # type: ignore[arg-type]


async def ask(database: Database) -> None:
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))


async def count(database) -> int:
    async with database.read() as connection:
        return len((await connection.execute(select(things.c.id))).all())


@pytest.mark.usefixtures("table")
async def test_a_moment_comes_back_aware_and_in_utc(database):
    elsewhere = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, elsewhere)
    async with database.write() as connection:
        await connection.execute(
            insert(things), [{"id": 1, "happened_at": moment}, {"id": 2, "happened_at": None}]
        )
    async with database.read() as connection:
        rows = (await connection.execute(select(things.c.happened_at).order_by(things.c.id))).scalars().all()
    assert rows == [moment, None]
    assert rows[0].utcoffset() == timedelta(0)


@pytest.mark.usefixtures("table")
async def test_a_naive_moment_is_refused(database):
    with pytest.raises(StatementError, match="naive"):
        async with database.write() as connection:
            await connection.execute(insert(things).values(id=1, happened_at=datetime(2026, 1, 1)))  # noqa: DTZ001  (the point)
    assert await count(database) == 0


@pytest.mark.usefixtures("table")
async def test_a_block_that_raises_leaves_nothing(database):
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  (as it is used)
        async with database.write() as connection:
            await connection.execute(insert(things).values(id=1))
            raise ZeroDivisionError
    assert await count(database) == 0


@pytest.mark.usefixtures("table")
async def test_a_violated_constraint_is_no_outage(database):
    async with database.write() as connection:
        await connection.execute(insert(things).values(id=1))
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(insert(things).values(id=1))
    assert await count(database) == 1


@pytest.mark.usefixtures("table")
async def test_what_was_committed_is_seen_by_everybody(database):
    other = await opened(database.url)
    async with database.write() as connection:
        await connection.execute(insert(things).values(id=1, happened_at=datetime.now(UTC)))
    assert await count(other) == 1
    await other.close()


async def test_a_statement_that_cannot_be_run_is_an_outage_and_tells_no_value(database):
    with pytest.raises(Outage) as outage:
        async with database.read() as connection:
            await connection.execute(text("SELECT :secret FROM nothing"), {"secret": "zq9canary"})
    assert outage.value.dependency == "database"
    assert "zq9canary" not in str(outage.value.__cause__)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://nobody@/nothing?host=/nonexistent",
        "sqlite+aiosqlite:////nonexistent/folder/x.db",
    ],
)
async def test_a_server_that_is_not_there_is_an_outage(url):
    gone = await opened(url)
    for use in (gone.read, gone.write):
        with pytest.raises(Outage, match="database is unavailable"):
            async with use() as connection:
                await connection.execute(text("SELECT 1"))
    await gone.close()


async def test_waiting_for_a_connection_ends(database):
    narrow = await opened(database.url, pool_size=1, pool_timeout=0.05)
    async with narrow.read():
        with pytest.raises(Outage):
            await ask(narrow)
    await ask(narrow)
    await narrow.close()


async def test_a_connection_whose_user_was_cancelled_is_thrown_away(database):
    narrow = await opened(database.url, pool_size=1)
    connected, discarded = [], []
    event.listen(narrow.engine.sync_engine, "connect", lambda *_: connected.append(1))
    event.listen(narrow.engine.sync_engine, "invalidate", lambda *_: discarded.append(1))
    begun = asyncio.Event()

    async def wait_for_ever() -> None:
        async with narrow.write() as connection:
            await connection.execute(text("SELECT 1"))
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait_for_ever())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert discarded == [1]
    await ask(narrow)
    assert connected == [1, 1]
    await narrow.close()


@REAL
async def test_a_statement_that_takes_too_long_is_an_outage(database):  # A106
    impatient = await opened(database.url, pool_size=1, command_timeout=0.1)
    backends = []
    with pytest.raises(Outage):  # noqa: PT012  (as it is used)
        async with impatient.read() as connection:
            backends.append((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())
            await connection.execute(text("SELECT pg_sleep(5)"))
    async with impatient.read() as connection:
        backends.append((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())
    await impatient.close()
    assert len(backends) == 2


@REAL
async def test_a_lock_that_is_not_given_is_an_outage(database):  # A106
    impatient = await opened(database.url, command_timeout=0.2)
    async with database.write() as holder:
        await holder.execute(text("LOCK TABLE users"))
        with pytest.raises(Outage):
            async with impatient.write() as connection:
                await connection.execute(text("LOCK TABLE users"))
    await impatient.close()


@REAL
async def test_the_server_is_told_the_limits_too(database):  # A106
    limited = await opened(database.url, command_timeout=1.5)
    async with limited.read() as connection:
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            assert (await connection.execute(text(f"SHOW {name}"))).scalar_one() == "1500ms"
        assert (await connection.execute(text("SHOW lock_timeout"))).scalar_one() == "1350ms"
    await limited.close()


@pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")
async def test_sqlite_is_as_durable_as_it_can_be(database):
    async with database.read() as connection:
        settings = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert database.is_sqlite
