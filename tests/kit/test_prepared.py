"""Statements that are put together once: the same as with SQLAlchemy, failures included."""

import asyncio
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, Uuid, bindparam, delete, insert, select, text
from sqlalchemy.exc import IntegrityError
from tests.support.waiting import eventually

from authsvc.kit.database import Database, DatabaseLimits, UtcDateTime
from authsvc.kit.outage import Outage
from authsvc.kit.prepared import Prepared, driver_of

REAL = pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")
things = Table(
    "prepared_things_of_a_test",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("owner", Uuid),
    Column("name", Text, unique=True),
    Column("happened_at", UtcDateTime),
)
ADD = Prepared(insert(things).inline(), ["id", "owner", "name", "happened_at"])
BY_NAME = Prepared(select(things).where(things.c.name == bindparam("wanted")))
FORGET = Prepared(delete(things).where(things.c.id > 0).returning(things.c.id))
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, timezone(timedelta(hours=5, minutes=30)))
ROW = {"id": 7, "owner": uuid4(), "name": "a lantern", "happened_at": MOMENT}


@pytest.fixture(autouse=True)
async def table(database):
    async with database.write() as connection:
        await connection.run_sync(things.create)
    yield
    async with database.write() as connection:
        await connection.run_sync(things.drop)


async def test_rows_come_back_as_sqlalchemy_gives_them(database):
    assert not await database.run(ADD, ROW)
    rows = await database.run(BY_NAME, {"wanted": "a lantern"})
    async with database.read() as connection:
        same = (await connection.execute(select(things))).all()
    assert [tuple(row) for row in rows] == [tuple(row) for row in same] == [tuple(ROW.values())]
    assert rows[0][3].utcoffset() == timedelta(0)
    assert not await database.run(BY_NAME, {"wanted": "nothing"})


async def test_what_it_changes_is_committed_and_may_be_returned(database):
    await database.run(ADD, ROW)
    assert [tuple(row) for row in await database.run(FORGET, {})] == [(7,)]
    assert not await database.run(BY_NAME, {"wanted": "a lantern"})


async def test_a_constraint_that_is_violated_is_no_outage(database):
    await database.run(ADD, ROW)
    with pytest.raises(IntegrityError):
        await database.run(ADD, ROW | {"id": 8})
    assert await database.run(BY_NAME, {"wanted": "a lantern"})


async def test_a_naive_moment_is_refused(database):
    with pytest.raises(Exception, match="naive"):
        await database.run(ADD, ROW | {"happened_at": datetime(2026, 1, 2)})  # noqa: DTZ001 - that is the point


async def test_a_missing_table_is_told_as_one(database):
    gone = Table("gone_of_a_test", MetaData(), Column("id", Integer))
    with pytest.raises(Outage) as told:
        await database.run(Prepared(select(gone)), {})
    assert told.value.kind == "schema"


@REAL
async def test_after_a_connection_was_lost_none_of_its_age_is_used_again(places):
    database = await asyncio.to_thread(Database, places.database, DatabaseLimits())
    try:
        async with database.read() as one, database.read() as other:
            lost, as_old = driver_of(one), driver_of(other)
        async with database.read() as connection:
            kills = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid")
            used = driver_of(connection)
            victim = lost if used is as_old else as_old
            await connection.execute(kills, {"pid": victim.get_server_pid()})
        await eventually(victim.is_closed)
        async with database.read() as first:  # the last that was given back, and whole
            assert driver_of(first) is used
            with pytest.raises(Outage) as told:
                await database.run(BY_NAME, {"wanted": "a lantern"})
        assert told.value.kind == "unreachable"
        assert not await database.run(BY_NAME, {"wanted": "a lantern"})
        async with database.read() as connection:
            assert driver_of(connection) not in (lost, as_old)
    finally:
        await database.close()
