"""A cluster of three primaries with a replica each: what must hold when nodes are lost and slots move."""

import signal
from uuid import UUID

import pytest
from redis.crc import key_slot
from tests.support.service import Login, Service
from tests.support.valkeys import Cluster, Node, eventually, start_cluster

from authsvc.keyspace import Keyspace

# They bring a Redis of their own; the database stands aside.
pytestmark = [pytest.mark.timeout(120), pytest.mark.parametrize("stores", ["stand-ins"], indirect=True)]


@pytest.fixture
async def cluster(tmp_path):
    async with start_cluster(tmp_path) as running:
        yield running


@pytest.fixture
def redis_url(cluster):
    return cluster.url


async def slot_of(service: Service, login: Login) -> int:
    user_id = UUID((await service.user(login)).json()["id"])
    return key_slot(Keyspace().sessions(user_id).encode())


async def pair_of(cluster: Cluster, slot: int) -> tuple[Node, Node]:
    """Return the primary that serves ``slot``, and its replica."""
    primary = await cluster.owner(slot)
    replica = cluster.nodes[cluster.nodes.index(primary) + 3]
    await eventually(replica.follows, primary)
    return primary, replica


async def serves(cluster: Cluster, slot: int, node: Node) -> bool:
    if not await node.is_primary():
        return False
    others = [each for each in cluster.nodes if await each.answers()]
    return all([await Cluster([each, *cluster.nodes]).owner(slot) is node for each in others])


async def test_every_flow_works_and_stays_within_one_slot(service):
    for name in ("ada", "grace", "edsger", "barbara", "donald"):
        login = await service.refresh(await service.sign_up(name))
        other = await service.log_in(name)
        listed = (await service.client.get("/sessions", headers=login.bearer)).json()["sessions"]
        assert len(listed) == 2
        assert (await service.log_out(login, "others")).status_code == 204
        assert not await service.is_alive(other)
        assert (await service.log_out(login, "all")).status_code == 204
        assert not await service.is_alive(login)


async def test_a_killed_primary_means_503_and_then_everything_goes_on(service, cluster):
    login = await service.sign_up()
    gone = await service.log_in()
    await service.log_out(gone)
    slot = await slot_of(service, login)
    primary, replica = await pair_of(cluster, slot)
    await primary.kill()
    seen = set()
    while not await serves(cluster, slot, replica):
        seen.add((await service.user(login)).status_code)
        assert (await service.user(gone)).status_code in {401, 503}
    assert seen <= {200, 503}
    await eventually(service.shows_user, login)
    assert not await service.is_alive(gone)
    assert await service.is_alive(login)


async def test_a_slot_that_moves_takes_its_sessions_along(service, cluster):
    login = await service.sign_up()
    slot = await slot_of(service, login)
    source = await cluster.owner(slot)
    target = next(node for node in cluster.nodes[:3] if node is not source)
    source_id, target_id = await cluster.id_of(source), await cluster.id_of(target)
    await target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
    await source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
    keys = await source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100)
    assert isinstance(keys, list)
    assert len(keys) >= 2
    await source.ask("MIGRATE", "127.0.0.1", target.port, keys[0], 0, 5000)
    assert (await service.user(login)).status_code in {200, 503}  # half is here, half is there
    for key in keys[1:]:
        await source.ask("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
    assert (await service.user(login)).status_code == 200  # all is there, but nobody has been told
    for node in cluster.nodes[:3]:
        await node.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id)
    assert await service.is_alive(await service.refresh(login))


# A062, and S1 in spite of writes that were acknowledged and lost
async def test_a_log_out_that_a_failover_undoes_in_redis_stays_a_log_out(service, cluster):
    stays = await service.sign_up()
    ends = await service.log_in()
    also = await service.log_in()
    slot = await slot_of(service, stays)
    primary, replica = await pair_of(cluster, slot)
    replica.send(signal.SIGSTOP)
    await primary.ask("CLIENT", "KILL", "TYPE", "replica")
    assert (await service.log_out(ends)).status_code == 204
    rotated = await service.refresh(also)
    assert (await service.user(ends)).status_code == 401
    await primary.kill()
    replica.send(signal.SIGCONT)
    await eventually(serves, cluster, slot, replica)
    await eventually(service.shows_user, stays)
    assert await replica.ask("KEYS", f"*session:{ends.session_id.hex}"), (
        "the ended session was meant to return"
    )
    assert (await service.user(ends)).status_code == 401
    assert (await service.try_refresh(ends.refresh_token)).status_code == 401
    # Who lost an acknowledged refresh is logged out, and nobody else is.
    assert (await service.try_refresh(rotated.refresh_token)).status_code == 401
    assert await service.is_alive(stays)
