"""A primary with a replica and three sentinels: what must hold when the primary is lost."""

import asyncio
import signal
import time

import pytest
from tests.support.service import code_of
from tests.support.valkeys import eventually, start_sentinels

from authsvc.keyspace import id_text

# They bring a Redis of their own; the database stands aside.
pytestmark = [pytest.mark.timeout(120), pytest.mark.parametrize("stores", ["stand-ins"], indirect=True)]


@pytest.fixture
async def sentinels(tmp_path):
    async with start_sentinels(tmp_path) as running:
        yield running


@pytest.fixture
def redis_url(sentinels):
    return sentinels.url


async def test_the_service_works_on_the_primary_that_the_sentinels_name(service):
    login = await service.refresh(await service.sign_up())
    assert (await service.log_out(login)).status_code == 204
    assert not await service.is_alive(login)


async def test_a_service_that_stops_leaves_no_connection_behind(open_service, redis_url, sentinels):
    async def count() -> int:
        nodes = [*sentinels.nodes, *sentinels.sentinels]
        listings = [str(await node.ask("CLIENT", "LIST")) for node in nodes]
        return sum(listing.count("lib-name=redis-py") - 1 for listing in listings)  # one of each is who asks

    async def are_gone() -> bool:
        return await count() == 0

    await eventually(are_gone)
    async with open_service(redis_url) as service:
        await service.sign_up()
        assert await count() > 1
    await eventually(are_gone)


async def test_a_killed_primary_means_503_and_then_everything_goes_on(service, sentinels):
    login = await service.sign_up()
    gone = await service.log_in()
    await service.log_out(gone)
    primary, _ = await sentinels.pair()
    await primary.kill()
    seen = set()
    while not await sentinels.has_moved_from(primary):
        seen.add((await service.user(login)).status_code)
        assert (await service.user(gone)).status_code in {401, 503}
    assert seen <= {200, 503}
    await eventually(service.shows_user, login)
    assert not await service.is_alive(gone)
    assert await service.is_alive(login)


async def test_a_paused_primary_means_503_and_then_everything_goes_on(service, sentinels):
    login = await service.sign_up()
    primary, _ = await sentinels.pair()
    primary.send(signal.SIGSTOP)
    stalled = await service.user(login)
    assert code_of(stalled) == "service_unavailable"
    assert "retry-after" in stalled.headers
    await eventually(sentinels.has_moved_from, primary)
    await eventually(service.shows_user, login)
    assert await service.is_alive(login)


# A062, and S1 in spite of writes that were acknowledged and lost
async def test_a_log_out_that_a_failover_undoes_in_redis_stays_a_log_out(service, sentinels):
    stays = await service.sign_up()
    ends = await service.log_in()
    also = await service.log_in()
    primary, replica = await sentinels.pair()
    await replica.ask("REPLICAOF", "NO", "ONE")  # from here on, nothing more reaches it
    assert (await service.log_out(ends)).status_code == 204
    rotated = await service.refresh(also)
    assert (await service.user(ends)).status_code == 401
    await primary.kill()
    await replica.ask("REPLICAOF", "NO", "ONE")
    await eventually(sentinels.has_moved_from, primary)
    await eventually(service.shows_user, stays)
    key = (await replica.ask("KEYS", f"*:{id_text(ends.session_id)}")) or []
    assert key, "the failover was meant to bring the ended session back"
    assert (await service.user(ends)).status_code == 401
    assert (await service.try_refresh(ends.refresh_token)).status_code == 401
    # Who lost an acknowledged refresh is logged out, and nobody else is.
    assert (await service.try_refresh(rotated.refresh_token)).status_code == 401
    assert await service.is_alive(stays)


async def test_recovery_takes_less_than_five_seconds_after_the_new_primary_is_there(service, sentinels):
    login = await service.sign_up()
    primary, _ = await sentinels.pair()
    await primary.kill()
    await eventually(sentinels.has_moved_from, primary)
    promoted = time.monotonic()
    async with asyncio.timeout(5):
        await eventually(service.shows_user, login)
    assert time.monotonic() - promoted < 5
