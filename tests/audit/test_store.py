"""The ledger only grows, and an event stands there exactly when its fact does."""

from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import IntegrityError
from tests.support.clock import SettableClock

from authsvc.audit.event import OPERATOR, SERVICE, Event, EventName, Wanted
from authsvc.audit.store import AuditStore, Fact, record
from authsvc.audit.tables import audit_events
from authsvc.kit.outage import Outage
from authsvc.sessions.tables import redis_servers

EVENT = Event(EventName.USER_ENABLED, OPERATOR, uuid4(), uuid4(), "because")


@pytest.fixture
def audit(database) -> AuditStore:
    return AuditStore(database)


@contextmanager
def refused():
    """SQLite calls it a violated constraint, PostgreSQL a lack of privilege."""
    with pytest.raises((IntegrityError, Outage)) as error:
        yield
    assert "append-only" in str(error.value.__cause__ or error.value)


def fact(identity: str, clock: SettableClock) -> Fact:
    new = insert(redis_servers).values(identity=identity, first_met_at=clock())
    return new.returning(redis_servers.c.identity, redis_servers.c.first_met_at)


async def test_an_event_is_found_as_it_was_written(audit, clock):
    await audit.add(EVENT, clock())
    [found] = await audit.find(Wanted())
    assert (found.name, found.outcome, found.actor) == ("user_enabled", "success", "operator")
    assert (found.user_id, found.session_id, found.reason) == (EVENT.user_id, EVENT.session_id, "because")
    assert found.occurred_at == clock()


async def test_a_fact_and_its_event_are_written_together(audit, database, clock):
    async with database.write() as connection:
        row = await record(connection, fact("a", clock), EVENT, clock())
    assert row == ("a", clock())
    assert len(await audit.find(Wanted())) == 1


# A103
async def test_a_fact_that_is_rolled_back_leaves_no_event(audit, database, clock):
    class Changed(Exception):
        pass

    async def write_and_fail() -> None:
        async with database.write() as connection:
            assert await record(connection, fact("a", clock), EVENT, clock()) is not None
            raise Changed

    with pytest.raises(Changed):
        await write_and_fail()
    assert await audit.find(Wanted()) == []


async def test_where_nothing_changes_nothing_happened(audit, database, clock):
    nobody = delete(redis_servers).where(redis_servers.c.identity == "a").returning(redis_servers.c.identity)
    async with database.write() as connection:
        assert await record(connection, nobody, EVENT, clock()) is None
    assert await audit.find(Wanted()) == []


@pytest.mark.parametrize(
    "change",
    [
        update(audit_events).values(ip_address=None),
        update(audit_events).values(name="something_else"),
        delete(audit_events),
    ],
)
# A103
async def test_nobody_changes_or_deletes_an_event_not_even_the_owner(audit, database, clock, change):
    await audit.add(EVENT, clock())
    before = await audit.find(Wanted())
    with refused():
        async with database.write() as connection:
            await connection.execute(change)
    assert await audit.find(Wanted()) == before


async def test_what_is_old_enough_may_be_forgotten_and_nothing_else(audit, clock):
    now = clock()
    for age in (500, 401, 399, 0):
        await audit.add(EVENT, now - timedelta(days=age))
    assert await audit.may_forget()
    assert await audit.forget_before(now - timedelta(days=400), limit=1) == 1
    assert await audit.forget_before(now - timedelta(days=400)) == 1
    assert await audit.forget_before(now - timedelta(days=400)) == 0
    assert [(now - event.occurred_at).days for event in await audit.find(Wanted())] == [399, 0]


async def test_a_clock_that_runs_ahead_deletes_nothing_that_is_new(audit, clock):
    await audit.add(EVENT, clock())
    with refused():
        await audit.forget_before(clock() + timedelta(days=1))
    assert len(await audit.find(Wanted())) == 1


async def test_events_are_found_by_user_by_name_and_by_time(audit, clock):
    other = Event(EventName.SIGNING_KEY_ADDED, SERVICE)
    await audit.add(other, clock() - timedelta(days=2))
    await audit.add(EVENT, clock())
    assert [e.name for e in await audit.find(Wanted())] == ["signing_key_added", "user_enabled"]
    assert [e.name for e in await audit.find(Wanted(user_id=EVENT.user_id))] == ["user_enabled"]
    assert [e.name for e in await audit.find(Wanted(name="signing_key_added"))] == ["signing_key_added"]
    assert [e.name for e in await audit.find(Wanted(since=clock()))] == ["user_enabled"]
    [first] = await audit.find(Wanted(), limit=1)
    assert [e.name for e in await audit.find(Wanted(), after=first.id)] == ["user_enabled"]


async def test_the_numbers_of_events_are_the_database_s_alone(database):
    if database.is_sqlite:
        pytest.skip("SQLite numbers rows, and lets whoever writes choose another number")
    statement = text(
        "INSERT INTO audit_events (id, occurred_at, name, outcome, actor) VALUES (1, now(), '', '', '')"
    )
    with pytest.raises(Outage):
        async with database.write() as connection:
            await connection.execute(statement)
