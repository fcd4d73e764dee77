"""What the session store promises, on a stand-in and on the real server alike."""

import asyncio
import hashlib
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from tests.support.stores import age_session

from authsvc.keyspace import Keyspace
from authsvc.kit.redis import RedisClient
from authsvc.sessions.refresh_token import RefreshToken, new_secret
from authsvc.sessions.session import LAST_EPOCH, Lifetimes, NewSession, Refusal, Rotation, Started
from authsvc.sessions.store import SessionStore

LIFETIMES = Lifetimes(
    idle_ttl=timedelta(hours=2),
    absolute_ttl=timedelta(hours=5),
    grace=timedelta(seconds=10),
    max_replays=3,
    max_per_user=3,
)


@pytest.fixture
def store(redis: RedisClient) -> SessionStore:
    return SessionStore(redis, Keyspace(), LIFETIMES)


async def start(store: SessionStore, user_id: UUID, epoch: int = 0) -> RefreshToken:
    token, _ = await start_and_see(store, user_id, epoch)
    return token


async def start_and_see(store: SessionStore, user_id: UUID, epoch: int = 0) -> tuple[RefreshToken, Started]:
    token = RefreshToken(user_id, uuid4(), new_secret())
    started = await store.start(new_session(token, epoch))
    assert started is not None
    return token, started


def new_session(
    token: RefreshToken, epoch: int = 0, *, ip_address: str = "203.0.113.7", user_agent: str = "curl/8 é"
) -> NewSession:
    return NewSession(
        token.session_id, token.user_id, token.secret_digest, epoch, ("pwd",), ip_address, user_agent
    )


async def is_alive(store: SessionStore, token: RefreshToken) -> bool:
    return (await store.look_up(token.user_id, token.session_id)).alive


async def rotated(store: SessionStore, token: RefreshToken) -> RefreshToken:
    rotation = await store.rotate(token, required_epoch=0)
    assert isinstance(rotation, Rotation)
    return token.at_generation(rotation.generation)


async def test_a_started_session_lives_and_is_listed(store):
    token, started = await start_and_see(store, uuid4())
    assert await is_alive(store, token)
    assert started.expires_in == LIFETIMES.idle_ttl
    [listed] = await store.list(token.user_id)
    assert (listed.id, listed.ip_address, listed.user_agent) == (token.session_id, "203.0.113.7", "curl/8 é")
    assert listed.created_at == listed.last_seen_at == started.created_at
    assert listed.expires_at == started.expires_at


_WITHOUT_PATTERN = "".join(hashlib.sha256(bytes([i])).hexdigest() for i in range(8))


@pytest.mark.parametrize(
    "user_agent", ["", "é" * 256, *(_WITHOUT_PATTERN[:n] for n in (1, 63, 64, 129, 512))]
)
async def test_no_value_is_too_long_for_the_compact_form_and_none_loses_a_letter(store, redis, user_agent):
    token = RefreshToken(uuid4(), uuid4(), new_secret())
    address = "2001:db8:7c1e:45a0:91d3:6bff:fe02:1d3a"
    await store.start(new_session(token, ip_address=address, user_agent=user_agent))
    stored = await redis.execute("HGETALL", Keyspace().session(token.user_id, token.session_id))
    assert max(map(len, stored.values())) <= 64
    [listed] = await store.list(token.user_id)
    assert (listed.ip_address, listed.user_agent) == (address, user_agent)


async def test_a_session_of_somebody_else_is_not_found(store):
    token = await start(store, uuid4())
    assert not (await store.look_up(uuid4(), token.session_id)).alive


async def test_the_current_generation_rotates_to_the_next(store):
    token = await start(store, uuid4())
    rotation = await store.rotate(token, required_epoch=0)
    assert isinstance(rotation, Rotation)
    assert (rotation.generation, rotation.replayed, rotation.amr) == (2, False, ("pwd",))
    assert await rotated(store, token.at_generation(2)) == token.at_generation(3)


# A061
async def test_a_retry_within_the_grace_window_gets_the_same_successor(store):
    token = await start(store, uuid4())
    first = await store.rotate(token, required_epoch=0)
    again = await store.rotate(token, required_epoch=0)
    assert isinstance(first, Rotation)
    assert isinstance(again, Rotation)
    assert again.replayed
    assert again.generation == first.generation == 2
    assert again.expires_at == first.expires_at


# A059
async def test_a_hundred_at_once_rotate_once(store):
    patient = SessionStore(store._redis, Keyspace(), Lifetimes())
    token = await start(patient, uuid4())
    rotations = await asyncio.gather(*(patient.rotate(token, required_epoch=0) for _ in range(100)))
    done = [rotation for rotation in rotations if isinstance(rotation, Rotation)]
    assert [rotation.generation for rotation in done] == [2] * 100
    assert sum(not rotation.replayed for rotation in done) == 1


# A060
async def test_an_old_generation_after_the_grace_window_ends_the_session(store, redis):
    token = await start(store, uuid4())
    successor = await rotated(store, token)
    await age_session(redis, token.user_id, token.session_id, LIFETIMES.grace)
    assert await store.rotate(token, required_epoch=0) is Refusal.REUSED
    assert not await is_alive(store, token)
    assert await store.rotate(successor, required_epoch=0) is Refusal.ENDED
    assert await store.list(token.user_id) == []


async def test_a_generation_two_behind_ends_the_session_at_once(store):
    token = await start(store, uuid4())
    await rotated(store, await rotated(store, token))
    assert await store.rotate(token, required_epoch=0) is Refusal.REUSED
    assert not await is_alive(store, token)


async def test_one_replay_too_many_ends_the_session(store):
    token = await start(store, uuid4())
    await rotated(store, token)
    for _ in range(LIFETIMES.max_replays):
        assert isinstance(await store.rotate(token, required_epoch=0), Rotation)
    assert await store.rotate(token, required_epoch=0) is Refusal.REUSED


async def test_without_a_grace_window_every_retry_is_a_reuse(redis):
    strict = SessionStore(redis, Keyspace(), Lifetimes(grace=timedelta(0)))
    token = await start(strict, uuid4())
    await rotated(strict, token)
    assert await strict.rotate(token, required_epoch=0) is Refusal.REUSED


async def test_a_generation_from_the_future_ends_the_session(store):
    token = await start(store, uuid4())
    assert await store.rotate(token.at_generation(3), required_epoch=0) is Refusal.AHEAD
    assert not await is_alive(store, token)


async def test_another_secret_changes_nothing(store):
    token = await start(store, uuid4())
    stranger = RefreshToken(token.user_id, token.session_id, new_secret(), 5)
    assert await store.rotate(stranger, required_epoch=0) is Refusal.ENDED
    assert await rotated(store, token) == token.at_generation(2)


async def test_an_epoch_that_is_high_enough_is_accepted(store):
    token = await start(store, uuid4(), epoch=4)
    assert isinstance(await store.rotate(token, required_epoch=4), Rotation)


async def test_an_older_epoch_than_required_ends_the_session_for_everybody(store):
    token = await start(store, uuid4(), epoch=4)
    assert await store.rotate(token, required_epoch=5) is Refusal.ENDED
    assert not await is_alive(store, token)
    assert await store.list(token.user_id) == []


async def test_rotation_never_creates_a_session(store):
    token = RefreshToken(uuid4(), uuid4(), new_secret())
    assert await store.rotate(token, required_epoch=0) is Refusal.ENDED
    assert not await is_alive(store, token)


# A056
async def test_a_session_is_over_after_its_idle_time(store, redis):
    token = await start(store, uuid4())
    await age_session(redis, token.user_id, token.session_id, LIFETIMES.idle_ttl)
    assert not await is_alive(store, token)
    assert await store.rotate(token, required_epoch=0) is Refusal.ENDED
    assert await store.list(token.user_id) == []


# A056
async def test_refreshing_moves_the_idle_deadline_but_never_past_the_absolute_one(store, redis):
    token, started = await start_and_see(store, uuid4())
    absolute = started.created_at + LIFETIMES.absolute_ttl
    moved = timedelta(0)
    for _ in range(4):
        step = timedelta(hours=1, minutes=10)
        await age_session(redis, token.user_id, token.session_id, step)
        moved += step
        rotation = await store.rotate(token, required_epoch=0)
        assert isinstance(rotation, Rotation)
        token = token.at_generation(rotation.generation)
        assert rotation.expires_at <= absolute - moved
        assert rotation.expires_in <= LIFETIMES.idle_ttl
    assert rotation.expires_at == absolute - moved
    await age_session(redis, token.user_id, token.session_id, LIFETIMES.absolute_ttl - moved)
    assert await store.rotate(token, required_epoch=0) is Refusal.ENDED


async def test_an_ended_session_stays_ended(store):
    token = await start(store, uuid4())
    assert await store.end(token.user_id, token.session_id)
    assert not await is_alive(store, token)
    assert await store.rotate(token, required_epoch=0) is Refusal.ENDED
    assert not await store.end(token.user_id, token.session_id)


async def test_ending_one_leaves_the_others(store):
    user_id = uuid4()
    one, other = await start(store, user_id), await start(store, user_id)
    await store.end(user_id, one.session_id)
    assert await is_alive(store, other)
    assert [session.id for session in await store.list(user_id)] == [other.session_id]


async def test_ending_all_ends_all_of_this_user_and_nobody_elses(store):
    user_id = uuid4()
    tokens = [await start(store, user_id) for _ in range(3)]
    bystander = await start(store, uuid4())
    assert await store.end_all(user_id, epoch=1) == 3
    assert not any([await is_alive(store, token) for token in tokens])
    assert await is_alive(store, bystander)
    assert await store.list(user_id) == []


async def test_ending_all_but_one_keeps_that_one_in_its_epoch(store):
    user_id = uuid4()
    kept, other = await start(store, user_id), await start(store, user_id)
    assert await store.end_all(user_id, epoch=1, keep=kept.session_id) == 1
    assert not await is_alive(store, other)
    assert isinstance(await store.rotate(kept, required_epoch=0), Rotation)


async def test_one_that_is_kept_is_still_ended_by_an_earlier_end_of_all_that_comes_late(store):
    user_id = uuid4()
    mine, other = await start(store, user_id), await start(store, user_id)
    await store.end_all(user_id, epoch=2, keep=other.session_id)
    await store.end_all(user_id, epoch=1, keep=mine.session_id)
    assert not await is_alive(store, other)


async def test_a_login_proven_before_an_end_of_all_cannot_start_a_session(store):
    user_id = uuid4()
    await store.end_all(user_id, epoch=1)
    late = RefreshToken(user_id, uuid4(), new_secret())
    assert await store.start(new_session(late, epoch=0)) is None
    assert not await is_alive(store, late)


async def test_a_login_of_the_new_epoch_survives_a_late_end_of_the_old_one(store):
    user_id = uuid4()
    fresh = await start(store, user_id, epoch=1)
    assert await store.end_all(user_id, epoch=1) == 0
    assert await is_alive(store, fresh)


async def test_an_earlier_end_of_all_that_comes_late_does_not_lower_the_epoch(store):
    user_id = uuid4()
    await store.end_all(user_id, epoch=5)
    await store.end_all(user_id, epoch=2)
    late = RefreshToken(user_id, uuid4(), new_secret())
    assert await store.start(new_session(late, epoch=4)) is None


async def test_after_a_user_is_gone_nothing_starts_again(store):
    user_id = uuid4()
    await store.end_all(user_id, epoch=LAST_EPOCH)
    assert await store.start(new_session(RefreshToken(user_id, uuid4(), new_secret()), epoch=10**6)) is None


# A057
async def test_one_session_too_many_ends_the_oldest_and_says_so(store, redis):
    user_id = uuid4()
    tokens = []
    for age in (3, 2, 1):
        token = await start(store, user_id)
        await age_session(redis, user_id, token.session_id, timedelta(minutes=age))
        tokens.append(token)
    _, started = await start_and_see(store, user_id)
    assert started.displaced == (tokens[0].session_id,)
    assert [await is_alive(store, token) for token in tokens] == [False, True, True]


async def test_expired_sessions_make_room_without_ending_others(store, redis):
    user_id = uuid4()
    tokens = [await start(store, user_id) for _ in range(3)]
    await age_session(redis, user_id, tokens[1].session_id, LIFETIMES.idle_ttl)
    _, started = await start_and_see(store, user_id)
    assert started.displaced == ()
    assert [await is_alive(store, token) for token in tokens] == [True, False, True]


async def test_a_record_comes_with_the_look_up(store):
    token = await start(store, uuid4())
    assert (await store.look_up(token.user_id, token.session_id)).record is None
    await store.keep_record(token.user_id, 1, b'{"name":"\xc3\xa9"}')
    assert (await store.look_up(token.user_id, token.session_id)).record == b'{"name":"\xc3\xa9"}'


async def test_an_older_record_never_replaces_a_newer_one(store):
    token = await start(store, uuid4())
    await store.keep_record(token.user_id, 2, b"new")
    await store.keep_record(token.user_id, 1, b"old")
    assert (await store.look_up(token.user_id, token.session_id)).record == b"new"
    await store.keep_record(token.user_id, 3, b"newest")
    assert (await store.look_up(token.user_id, token.session_id)).record == b"newest"


async def test_a_record_of_a_form_that_is_not_known_here_is_none(store, redis):
    """Another version wrote it; the database has it too."""
    token = await start(store, uuid4())
    await redis.execute("SET", Keyspace().record(token.user_id), b"7 ?new", "PX", 1000)
    look_up = await store.look_up(token.user_id, token.session_id)
    assert look_up.alive
    assert look_up.record is None
    await store.keep_record(token.user_id, 8, b"{}")
    assert (await store.look_up(token.user_id, token.session_id)).record == b"{}"


async def test_nothing_that_could_be_presented_is_stored(store, redis):
    token = await start(store, uuid4())
    stored = await redis.execute("HGETALL", Keyspace().session(token.user_id, token.session_id))
    assert token.secret not in repr(stored).encode()
    assert all(token.secret not in (value if isinstance(value, bytes) else b"") for value in stored.values())


async def test_after_the_longest_life_was_shortened_the_index_still_outlives_older_sessions(store, redis):
    shorter = SessionStore(
        redis, Keyspace(), Lifetimes(idle_ttl=timedelta(minutes=1), absolute_ttl=timedelta(minutes=1))
    )
    older = await start(store, uuid4())
    await start(shorter, older.user_id)
    left = await redis.execute("PTTL", Keyspace().sessions(older.user_id))
    assert left > LIFETIMES.idle_ttl // timedelta(milliseconds=1)
    assert await shorter.end_all(older.user_id, epoch=1) == 2
    assert not await is_alive(store, older)
