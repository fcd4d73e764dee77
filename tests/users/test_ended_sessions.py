import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from tests.users.people import HASH, person

from authsvc.users import store as users_store
from authsvc.users.tables import ended_sessions

DAY = timedelta(days=1)


@pytest.fixture
async def user_id(store):
    return (await store.add(person())).id


async def test_an_ended_session_is_refused_and_its_neighbour_is_not(store, clock, user_id):  # A051
    mine, other = uuid4(), uuid4()
    await store.end_session(user_id, mine, clock.now + DAY)
    assert not (await store.find_standing(user_id, mine)).admits(0)
    assert (await store.find_standing(user_id, other)).admits(0)


async def test_ending_a_session_again_changes_nothing(store, clock, user_id):  # A052
    mine = uuid4()
    await asyncio.gather(*(store.end_session(user_id, mine, clock.now + DAY) for _ in range(5)))
    assert (await store.find_standing(user_id, mine)).ended


async def test_several_sessions_end_together(store, clock, user_id):
    ids = [uuid4() for _ in range(20)]
    await asyncio.gather(
        *(store.end_sessions(user_id, ids[::step], clock.now + DAY) for step in (1, -1, 1, -1))
    )
    assert [(await store.find_standing(user_id, each)).ended for each in ids] == [True] * 20
    await store.end_sessions(user_id, [], clock.now + DAY)


async def test_ending_a_session_of_somebody_who_is_gone_is_silent(store, clock, user_id):
    assert await store.delete(user_id, HASH)
    await store.end_session(user_id, uuid4(), clock.now + DAY)
    assert await store.find_standing(user_id, uuid4()) is None


async def test_another_users_tombstone_says_nothing(store, clock, user_id):  # A058
    mine = uuid4()
    eve = await store.add(person("eve", None))
    await store.end_session(eve.id, mine, clock.now + DAY)
    assert not (await store.find_standing(user_id, mine)).ended


async def test_deleting_a_user_takes_the_tombstones_along(store, clock, user_id, database):  # A054
    await store.end_session(user_id, uuid4(), clock.now + DAY)
    assert await store.delete(user_id, HASH)
    async with database.read() as connection:
        left = await connection.execute(select(func.count()).select_from(ended_sessions))
    assert left.scalar_one() == 0


async def test_tombstones_are_forgotten_once_the_session_would_be_over_anyway(store, clock, user_id):
    early, late = uuid4(), uuid4()
    await store.end_session(user_id, early, clock.now + DAY)
    await store.end_session(user_id, late, clock.now + 2 * DAY)
    assert await store.forget_ended_sessions() == 0
    clock.advance(DAY)
    assert await store.forget_ended_sessions() == 1
    assert not (await store.find_standing(user_id, early)).ended
    assert (await store.find_standing(user_id, late)).ended


async def test_any_number_of_tombstones_is_forgotten_some_at_a_time(store, clock, user_id, monkeypatch):
    monkeypatch.setattr(users_store, "_MOST_FORGOTTEN_AT_ONCE", 3)
    for _ in range(7):
        await store.end_session(user_id, uuid4(), clock.now + DAY)
    await store.end_session(user_id, uuid4(), clock.now + 2 * DAY)
    clock.advance(DAY)
    assert await store.forget_ended_sessions() == 7
    assert await store.forget_ended_sessions() == 0


async def test_disabling_ends_every_session_and_enabling_revives_none(store, clock, user_id):  # A054
    session = uuid4()
    disabled = await store.set_disabled(user_id, True)  # noqa: FBT003 - the method's name says it
    assert (disabled.is_active, disabled.disabled_at) == (False, clock.now)
    assert (disabled.session_epoch, disabled.version) == (1, 2)
    assert not (await store.find_standing(user_id, session)).admits(1)
    clock.advance(DAY)
    again = await store.set_disabled(user_id, True)  # noqa: FBT003 - likewise
    assert again.disabled_at == disabled.disabled_at
    enabled = await store.set_disabled(user_id, False)  # noqa: FBT003 - likewise
    assert enabled.is_active
    assert enabled.version == 4
    standing = await store.find_standing(user_id, session)
    assert not standing.admits(1)
    assert standing.admits(enabled.session_epoch)
    assert await store.set_disabled(uuid4(), True) is None  # noqa: FBT003 - likewise
