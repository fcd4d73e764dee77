"""What the database knows and Redis does not: whoever notices makes up for it."""

import asyncio
from datetime import timedelta

import pytest
import structlog
from tests.support.service import NEW_PASSWORD, PASSWORD

from authsvc.errors import RefreshSessionEnded, RefreshTokenUnknown, SessionEnded
from authsvc.flows.client import Caller, Client
from authsvc.flows.log_out import Scope
from authsvc.kit.outage import Outage
from authsvc.users.user import ProfileChanges
from authsvc.wiring import wire

CLIENT = Client("203.0.113.7", "curl/8")


async def test_a_user_whose_deletion_did_not_reach_redis_is_not_shown(flows, ada, login, users, sessions):
    assert await users.delete(ada.id, ada.password_hash)
    assert (await sessions.look_up(ada.id, login.session_id)).alive
    with pytest.raises(SessionEnded):
        await flows.show_user(login.access_token)
    assert not (await sessions.look_up(ada.id, login.session_id)).alive
    assert await sessions.list(ada.id) == []


async def test_a_user_whose_disabling_did_not_reach_redis_is_not_shown(flows, ada, login, users, sessions):
    await users.set_disabled(ada.id, True)  # noqa: FBT003  (the store's own form)
    with pytest.raises(SessionEnded):
        await flows.show_user(login.access_token)
    assert not (await sessions.look_up(ada.id, login.session_id)).alive
    await users.set_disabled(ada.id, False)  # noqa: FBT003  (likewise)
    again = await flows.log_in("ada", PASSWORD, CLIENT)
    assert await flows.show_user(again.access_token)


async def test_a_session_that_only_the_database_knows_to_be_over_ends_at_the_refresh(
    flows, ada, login, users, sessions, clock
):
    await users.end_session(ada.id, login.session_id, clock() + timedelta(days=30))
    assert (await sessions.look_up(ada.id, login.session_id)).alive
    with pytest.raises(RefreshSessionEnded):
        await flows.refresh(login.refresh_token)
    assert not (await sessions.look_up(ada.id, login.session_id)).alive


async def test_sessions_that_only_the_database_knows_to_be_over_do_not_refresh(flows, ada, login, users):
    await users.end_all_sessions(ada.id, by=None, keep=False)
    with pytest.raises(RefreshSessionEnded):
        await flows.refresh(login.refresh_token)


async def test_a_deleted_users_session_ends_at_the_refresh(flows, ada, login, users, sessions):
    await users.delete(ada.id, ada.password_hash)
    with pytest.raises(RefreshSessionEnded):
        await flows.refresh(login.refresh_token)
    assert not (await sessions.look_up(ada.id, login.session_id)).alive


async def test_a_token_newer_than_what_is_stored_ends_its_session_for_good(
    flows, ada, login, sessions, redis
):
    successor = await flows.refresh(login.refresh_token)
    key = sessions._keys.session(ada.id, login.session_id)
    await redis.execute("HSET", key, "g", 0)  # a failover lost acknowledged rotations
    with structlog.testing.capture_logs() as logged, pytest.raises(RefreshTokenUnknown):
        await flows.refresh(successor.refresh_token)
    assert "refresh_ahead" in [entry["event"] for entry in logged]
    assert (await flows.refresh.users.find_standing(ada.id, login.session_id)).ended


async def test_what_is_asked_of_somebody_who_is_gone_is_over(flows, ada, caller, users):
    await users.delete(ada.id, ada.password_hash)
    with pytest.raises(SessionEnded):
        await flows.update_user(caller, ProfileChanges(name="Ada"))
    with pytest.raises(SessionEnded):
        await flows.change_password(caller, PASSWORD, NEW_PASSWORD, CLIENT)
    with pytest.raises(SessionEnded):
        await flows.delete_user(caller, PASSWORD, CLIENT)


@pytest.mark.parametrize("scope", [Scope.OTHERS, Scope.ALL])
async def test_a_session_that_is_durably_over_ends_no_others(flows, ada, login, users, clock, scope):
    other = await flows.log_in("ada", PASSWORD, CLIENT)
    await users.end_session(ada.id, login.session_id, clock() + timedelta(days=30))
    with pytest.raises(SessionEnded):
        await flows.log_out(login.access_token, None, scope)
    assert await flows.show_user(other.access_token)


@pytest.mark.parametrize("scope", [Scope.OTHERS, Scope.ALL])
async def test_somebody_who_is_gone_ends_no_others(flows, ada, login, users, scope):
    await users.delete(ada.id, ada.password_hash)
    with pytest.raises(SessionEnded):
        await flows.log_out(login.access_token, None, scope)


async def test_nobody_can_be_disabled_who_is_not_there(flows):
    assert await flows.set_user_disabled("nobody", disabled=True) is None


async def test_only_ones_own_sessions_are_found(flows, ada, caller):
    stranger = Caller(ada.id, caller.session_id)
    assert [session.id for session in await flows.list_sessions(stranger)] == [caller.session_id]


async def test_keeping_house_forgets_what_nobody_needs_and_says_so(flows, ada, login, clock):
    await flows.log_out(login.access_token, None, Scope.CURRENT)
    clock.advance(timedelta(days=31))
    with structlog.testing.capture_logs() as logged:
        await flows.maintain()
    assert {"event": "forgot_ended_sessions", "number": 1, "log_level": "info"} in logged
    with structlog.testing.capture_logs() as logged:
        await flows.maintain()
    assert "forgot_ended_sessions" not in [entry["event"] for entry in logged]


# A079
async def test_an_operators_new_key_waits_for_its_turn_and_is_made_once(flows, clock):
    begins_at = await flows.rotate_signing_key()
    assert begins_at > clock()
    assert await flows.rotate_signing_key() is None
    before = flows.key_ring.signing_key(clock()).kid
    await flows.maintain()
    assert flows.key_ring.signing_key(clock()).kid == before
    clock.now = begins_at
    await flows.maintain()
    assert flows.key_ring.signing_key(clock()).kid != before


# A057
async def test_one_session_too_many_ends_the_oldest_durably(
    flows, ada, users, settings, database, redis, clock
):
    settings = settings.model_copy(update={"sessions_per_user": 2})
    few = await asyncio.to_thread(wire, settings, database, redis, clock)
    await few.maintain()
    pairs = [await few.log_in("ada", PASSWORD, CLIENT) for _ in range(3)]
    alive = {session.id for session in await few.list_sessions(Caller(ada.id, pairs[2].session_id))}
    assert len(alive) == 2
    assert pairs[2].session_id in alive
    [displaced] = [pair for pair in pairs if pair.session_id not in alive]
    assert (await users.find_standing(ada.id, displaced.session_id)).ended
    with pytest.raises(RefreshSessionEnded):
        await few.refresh(displaced.refresh_token)
    few.hasher.close()


@pytest.fixture
async def keyless(settings, database, redis, clock):
    """A service that never learned of a signing key."""
    wired = wire(settings, database, redis, clock)
    yield wired
    wired.hasher.close()


async def test_without_a_signing_key_nothing_begins_and_nothing_rotates(keyless, redis, service):
    login = await service.sign_up()
    for attempt in (keyless.refresh(login.refresh_token), keyless.log_in("ada", PASSWORD, CLIENT)):
        with pytest.raises(Outage):
            await attempt
    [stored] = await redis.execute("KEYS", "*:" + "?" * 22)
    assert await redis.execute("HGET", stored, "g") == b"1"
