"""When what Redis says must be confirmed by the database."""

from datetime import timedelta

import pytest

from authsvc.sessions.continuity import Continuity
from authsvc.sessions.server_store import ServerStore

TTL = timedelta(minutes=5)
OVER = TTL + timedelta(minutes=1)


@pytest.fixture
def servers(database):
    return ServerStore(database)


@pytest.fixture
def continuity(redis, servers, clock):
    redis._met.clear()  # the tests say whom it met
    return Continuity(redis, servers, access_token_ttl=TTL, clock=clock)


async def test_the_first_server_of_all_is_believed(continuity, redis):
    redis._met.add("first")
    assert not await continuity.is_in_doubt()


async def test_another_server_is_doubted_until_older_access_tokens_have_expired(continuity, redis, clock):
    redis._met.add("first")
    assert not await continuity.is_in_doubt()
    redis._met.add("second")
    assert await continuity.is_in_doubt()
    clock.advance(OVER - timedelta(seconds=1))
    assert await continuity.is_in_doubt()
    clock.advance(timedelta(seconds=1))
    assert not await continuity.is_in_doubt()


async def test_an_instance_that_starts_later_doubts_for_as_long_as_the_others(
    continuity, redis, servers, clock
):
    redis._met.add("first")
    await continuity.is_in_doubt()
    clock.advance(timedelta(days=1))
    assert await servers.meet("second", clock()) == clock()
    clock.advance(timedelta(minutes=2))
    redis._met.add("second")
    late = Continuity(redis, servers, access_token_ttl=TTL, clock=clock)
    assert await late.is_in_doubt()
    clock.advance(OVER - timedelta(minutes=2))
    assert not await late.is_in_doubt()


async def test_a_server_is_remembered_once(servers, clock):
    first = clock()
    assert await servers.meet("first", first) is None
    clock.advance(timedelta(hours=1))
    assert await servers.meet("first", clock()) is None
    second = clock()
    assert await servers.meet("second", second) == second
    clock.advance(timedelta(hours=1))
    assert await servers.meet("second", clock()) == second


async def test_in_doubt_a_session_that_only_the_database_knows_to_be_ended_is_refused(
    service, flows, redis, clock
):
    login = await service.sign_up()
    other = await service.log_in()
    caller, _ = await flows.find_session(login.access_token)
    await flows.find_session.users.end_session(caller.user_id, login.session_id, clock() + timedelta(days=1))
    assert (await service.user(login)).status_code == 200
    redis._met |= {"first", "second"}
    assert (await service.user(login)).status_code == 401
    assert (await service.user(other)).status_code == 200
