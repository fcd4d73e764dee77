"""Which Redis servers are fit for sessions: on the real one, as it is and as it should not be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.stores import Urls

from authsvc.flows.check_health import ADVICE
from authsvc.keyspace import Keyspace
from authsvc.kit.outage import Outage
from authsvc.kit.redis import RedisClient
from authsvc.sessions.server_check import check_server

# A stand-in has no configuration to get wrong.
pytestmark = pytest.mark.parametrize("stores", ["real"], indirect=True)


async def test_the_server_as_it_should_be_is_fit(redis):
    assert await check_server(redis, Keyspace()) == "ok"


# A112
async def test_a_server_that_evicts_keys_is_unfit(redis):
    await redis.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        assert await check_server(redis, Keyspace()) == "unsafe_store_policy"
    finally:
        await redis.execute("CONFIG", "SET", "maxmemory-policy", "noeviction")


# A107
async def test_a_replica_is_read_only(redis):
    await redis.execute("REPLICAOF", "127.0.0.1", "1")
    try:
        assert await check_server(redis, Keyspace()) == "read_only"
        assert await check_server(redis, Keyspace()) == "read_only"
    finally:
        await redis.execute("REPLICAOF", "NO", "ONE")
    assert await check_server(redis, Keyspace()) == "ok"


async def test_a_primary_without_the_replicas_that_it_waits_for_is_read_only(redis):
    await redis.execute("CONFIG", "SET", "min-replicas-to-write", "1")
    try:
        assert await check_server(redis, Keyspace()) == "read_only"
    finally:
        await redis.execute("CONFIG", "SET", "min-replicas-to-write", "0")


# A107
async def test_a_server_whose_memory_is_used_up_is_full(redis):
    await redis.execute("CONFIG", "SET", "maxmemory", "1")
    try:
        assert await check_server(redis, Keyspace()) == "full"
    finally:
        await redis.execute("CONFIG", "SET", "maxmemory", "0")


async def test_asking_leaves_nothing_and_keeps_the_connection(redis):
    assert await check_server(redis, Keyspace()) == "ok"
    assert await redis.execute("DBSIZE") == 0
    await redis.execute("REPLICAOF", "127.0.0.1", "1")
    try:
        before = await redis.execute("CLIENT", "ID")
        assert await check_server(redis, Keyspace()) == "read_only"
        assert await redis.execute("CLIENT", "ID") == before
    finally:
        await redis.execute("REPLICAOF", "NO", "ONE")


@pytest.mark.parametrize(("denied", "state"), [("-@scripting", "no_scripts"), ("-info", "no_info")])
async def test_a_user_who_may_not_do_what_is_needed_is_told_so(redis, places: Urls, denied, state):
    everything = ("+@all", "~*", "&*")
    await redis.execute("ACL", "SETUSER", "reader", "on", ">secret", *everything, denied)
    path, _, _ = places.redis.removeprefix("unix://").partition("?")
    limited = RedisClient.connect(f"unix://reader:secret@{path}?db=0", timeout=5, max_connections=1)
    try:
        assert await check_server(limited, Keyspace()) == state
        assert await check_server(limited, Keyspace()) == state
    finally:
        await limited.close()
        await redis.execute("ACL", "DELUSER", "reader")


async def test_a_user_who_loses_info_is_told_so_on_the_connection_at_hand(redis, places: Urls):
    await redis.execute("ACL", "SETUSER", "reader", "on", ">secret", "+@all", "~*", "&*")
    path, _, _ = places.redis.removeprefix("unix://").partition("?")
    limited = RedisClient.connect(f"unix://reader:secret@{path}?db=0", timeout=5, max_connections=1)
    try:
        assert await check_server(limited, Keyspace()) == "ok"
        await redis.execute("ACL", "SETUSER", "reader", "-info")
        assert await check_server(limited, Keyspace()) == "no_info"
    finally:
        await limited.close()
        await redis.execute("ACL", "DELUSER", "reader")


@asynccontextmanager
async def redis_that_says(version: str) -> AsyncIterator[RedisClient]:
    """Serve as much of the protocol as it takes to tell a version."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while header := await reader.readline():
            words = [(await reader.readline(), await reader.readline())[1] for _ in range(int(header[1:]))]
            said = f"redis_version:{version}\r\nrun_id:1\r\n".encode()
            known = {
                b"INFO": b"$%d\r\n%b\r\n" % (len(said), said),
                b"HELLO": b"-ERR unknown command\r\n",
            }
            writer.write(known.get(words[0].strip().upper(), b"+OK\r\n"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = RedisClient.connect(f"redis://127.0.0.1:{port}?protocol=2", timeout=5, max_connections=1)
    try:
        yield client
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("version", "state"), [("6.0.16", "too_old"), ("5.0", "too_old"), ("6.2.0", "ok"), ("10.1.2", "ok")]
)
async def test_an_old_server_is_unfit(stores, version, state):
    async with redis_that_says(version) as client:
        assert await check_server(client, Keyspace()) == state


async def test_a_server_that_is_not_there_is_an_outage(stores):
    nobody = RedisClient.connect("redis://127.0.0.1:1", timeout=1, max_connections=1)
    with pytest.raises(Outage):
        await check_server(nobody, Keyspace())
    await nobody.close()


def test_there_is_advice_for_every_state(stores):
    of_redis = {"too_old", "unsafe_store_policy", "no_info", "no_scripts", "read_only", "full"}
    assert set(ADVICE) == of_redis | {"down", "schema_outdated", "none_yet"}
