"""A cluster of three primaries with a replica each: what must hold when nodes are lost and slots move."""

import asyncio
import contextlib
import signal
from time import monotonic
from uuid import UUID

import pytest
from redis.crc import key_slot
from tests.support.service import Login, Service
from tests.support.valkeys import Cluster, Node, eventually, start_cluster

from authsvc.keyspace import Keyspace, id_text
from authsvc.kit.outage import Outage
from authsvc.kit.redis import RedisClient

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
    assert await replica.ask("KEYS", f"*:{id_text(ends.session_id)}"), "the ended session was meant to return"
    assert (await service.user(ends)).status_code == 401
    assert (await service.try_refresh(ends.refresh_token)).status_code == 401
    # Who lost an acknowledged refresh is logged out, and nobody else is.
    assert (await service.try_refresh(rotated.refresh_token)).status_code == 401
    assert await service.is_alive(stays)


# A107
async def test_every_node_is_asked_whether_it_may_evict(service, cluster):
    assert (await service.client.get("/readyz")).json()["dependencies"]["redis"] == "ok"
    for node in cluster.nodes:  # replicas too: any may have to serve next
        await node.ask("CONFIG SET", "maxmemory-policy", "allkeys-lru")
        await eventually(redis_is, service, "unsafe_store_policy")
        await node.ask("CONFIG SET", "maxmemory-policy", "noeviction")
        await eventually(redis_is, service, "ok")


async def redis_is(service: Service, state: str) -> bool:
    found: str = (await service.client.get("/readyz")).json()["dependencies"]["redis"]
    return found == state


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGSTOP])
async def test_what_a_silent_node_serves_is_refused_at_once_and_the_rest_is_served(open_redis_of, signal_):
    """No replica takes over here, so that the outage lasts."""
    cluster, redis = open_redis_of
    keys = [f"authsvc:{{{number}}}:x" for number in range(60)]
    silent = cluster.nodes[0]
    owned = [key for key in keys if await cluster.owner(key_slot(key.encode())) is silent]
    others = [key for key in keys if key not in owned]
    silent.send(signal_)
    circuits = redis._sender._nodes

    async def is_known() -> bool:
        with contextlib.suppress(Outage):
            await redis.execute("GET", owned[0])
        return any(circuit.cause is not None for circuit in circuits.values())

    await eventually(is_known)
    began = monotonic()
    for _ in range(100):
        for key in owned:
            with pytest.raises(Outage):
                await redis.execute("GET", key)
    assert monotonic() - began < 10  # and not a quarter of a second for each of two thousand
    for key in others:
        assert await redis.execute("GET", key) is None
    if signal_ == signal.SIGKILL:
        await silent.start()
    else:
        silent.send(signal.SIGCONT)

    async def serves_again() -> bool:
        with contextlib.suppress(Outage):
            return await redis.execute("GET", owned[0]) is None
        return False

    await eventually(serves_again)
    assert not circuits


@pytest.fixture
async def open_redis_of(stores, cluster):
    for node in cluster.nodes:
        await node.ask("CONFIG SET", "cluster-replica-no-failover", "yes")
        await node.ask("CONFIG SET", "cluster-require-full-coverage", "no")
    redis = RedisClient.connect(cluster.url, timeout=0.25, max_connections=8)
    await redis.execute("GET", "authsvc:{1}:x")
    yield cluster, redis
    await redis.close()


async def test_a_cluster_that_is_gone_is_an_outage_at_once_and_heals_by_itself(open_redis_of):
    cluster, redis = open_redis_of
    for node in cluster.nodes:
        node.send(signal.SIGSTOP)

    async def is_refused() -> bool:
        with pytest.raises(Outage):
            await redis.execute("GET", "authsvc:{1}:x")
        return redis._sender._whole.cause is not None or any(
            circuit.cause is not None for circuit in redis._sender._nodes.values()
        )

    await eventually(is_refused)
    began = monotonic()
    for _ in range(300):
        with pytest.raises(Outage):
            await redis.execute("GET", "authsvc:{1}:x")
    assert monotonic() - began < 10
    for node in cluster.nodes:
        node.send(signal.SIGCONT)

    async def serves_again() -> bool:
        with contextlib.suppress(Outage):
            return await redis.execute("GET", "authsvc:{1}:x") is None
        return False

    await eventually(serves_again)


# A106
async def test_no_more_connections_than_allowed_are_opened_to_a_node(stores, cluster):
    redis = RedisClient.connect(cluster.url, timeout=0.25, max_connections=2)
    key = "authsvc:{1}:x"
    await redis.execute("GET", key)
    node = await cluster.owner(key_slot(key.encode()))
    answers = await asyncio.gather(*(redis.execute("GET", key) for _ in range(50)), return_exceptions=True)
    assert all(answer is None or isinstance(answer, Outage) for answer in answers)
    assert answers.count(None) > 2
    listed = await node.ask("CLIENT LIST", "TYPE", "normal")
    ours = [each for each in listed if each["cmd"] != "client|list"]
    assert 1 <= len(ours) <= 3  # one more belongs to the nodes that were named at the start
    await redis.close()
