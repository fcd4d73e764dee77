import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from uuid import UUID, uuid4

import pytest
from tests.users.people import HASH, person

from authsvc.users.store import UserStore


@dataclass
class Model:
    """The rule in the plainest words: which sessions live, and how often all were ended."""

    epoch: int = 0
    alive: set[UUID] = field(default_factory=set)

    def end_all(self, by: UUID | None, *, keep: bool) -> int:
        self.epoch += 1
        self.alive &= {by} if keep else set()
        return self.epoch


@pytest.fixture
async def user_id(store):
    return (await store.add(person())).id


async def alive(store: UserStore, user_id: UUID, epochs: Mapping[UUID, int]) -> set[UUID]:
    standings = {each: await store.find_standing(user_id, each) for each in epochs}
    return {each for each, standing in standings.items() if standing and standing.admits(epochs[each])}


async def test_a_hundred_sessions_end_with_one_update(store, user_id):  # A053
    sessions = {uuid4(): 0 for _ in range(100)}
    assert await alive(store, user_id, sessions) == set(sessions)
    assert await store.end_all_sessions(user_id, by=None, keep=False) == 1
    assert await alive(store, user_id, sessions) == set()


async def test_the_kept_session_outlives_its_own_bumps_and_nobody_elses(store, user_id):  # A055
    first, second = uuid4(), uuid4()
    await store.change_password(user_id, HASH, "new", keep_session=first)
    await store.end_all_sessions(user_id, by=first, keep=True)
    assert await alive(store, user_id, {first: 0, second: 0}) == {first}
    assert await store.end_all_sessions(user_id, by=second, keep=True) == 3
    assert await alive(store, user_id, {first: 0, second: 2}) == {second}


async def test_a_session_that_ended_does_not_revive_by_asking_to_be_kept(store, user_id):
    thief, owner = uuid4(), uuid4()
    await store.end_all_sessions(user_id, by=owner, keep=True)
    await store.end_all_sessions(user_id, by=thief, keep=True)
    assert await alive(store, user_id, {thief: 0}) == set()
    await store.end_all_sessions(user_id, by=thief, keep=True)
    assert await alive(store, user_id, {thief: 0}) == set()


async def test_the_session_that_ended_all_is_known_and_over(store, user_id):
    mine, other = uuid4(), uuid4()
    assert not (await store.find_standing(user_id, mine)).ended_all
    await store.end_all_sessions(user_id, by=mine, keep=True)
    assert not (await store.find_standing(user_id, mine)).ended_all
    await store.end_all_sessions(user_id, by=mine, keep=False)
    standing = await store.find_standing(user_id, mine)
    assert (standing.ended_all, standing.session_epoch, standing.required_epoch) == (True, 2, 2)
    assert not (await store.find_standing(user_id, other)).ended_all


async def test_a_failed_password_change_ends_nothing(store, user_id):
    mine = uuid4()
    assert await store.change_password(user_id, "another hash", "new", keep_session=None) is None
    assert await alive(store, user_id, {mine: 0}) == {mine}


async def test_ending_the_sessions_of_nobody_is_none(store):
    assert await store.end_all_sessions(uuid4(), by=None, keep=False) is None


@pytest.mark.parametrize("seed", range(6))
async def test_the_store_agrees_with_the_model_over_any_history(store, user_id, seed):
    random = Random(seed)  # noqa: S311 - a repeatable history, no secret
    model = Model()
    epochs: dict[UUID, int] = {}
    for _ in range(40):
        if not epochs or random.random() < 0.4:
            session = uuid4()
            epochs[session] = model.epoch  # a login
            model.alive.add(session)
            continue
        by, keep = random.choice([None, *epochs]), random.random() < 0.6
        got = await store.end_all_sessions(user_id, by=by, keep=keep)
        assert got == model.end_all(by, keep=keep)
        assert await alive(store, user_id, epochs) == model.alive


@pytest.mark.parametrize("seed", range(4))
async def test_concurrent_ends_come_out_as_if_one_after_the_other(store, user_id, seed):
    random = Random(seed)  # noqa: S311 - likewise
    epochs = {uuid4(): 0 for _ in range(4)}
    asked = [(random.choice(list(epochs)), random.random() < 0.7) for _ in range(12)]
    got = await asyncio.gather(*(store.end_all_sessions(user_id, by=by, keep=keep) for by, keep in asked))
    assert sorted(got) == list(range(1, 13))
    model = Model(alive=set(epochs))
    for _, (by, keep) in sorted(zip(got, asked, strict=True)):  # the epoch tells the order
        model.end_all(by, keep=keep)
    assert await alive(store, user_id, epochs) == model.alive
