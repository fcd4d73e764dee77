"""TLS on the way to the stores: what is not what it says it is gets no byte of ours."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from tests.support.stores import Urls
from tests.support.tls import Authority, new_authority, tls_in_front

from authsvc.kit.database import Database
from authsvc.kit.lua import Script
from authsvc.kit.outage import Outage
from authsvc.kit.redis import RedisClient
from authsvc.kit.redis_url import parse_redis_url

pytestmark = pytest.mark.parametrize("stores", ["real"], indirect=True)

Reach = Callable[[Authority, Path], AbstractAsyncContextManager[RedisClient]]


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Authority]:
    folder = tmp_path_factory.mktemp("authorities")
    return {
        "right": new_authority(folder / "right"),
        "wrong": new_authority(folder / "wrong"),
        "named": new_authority(folder / "named", host="redis.example.org"),
    }


@pytest.fixture
def reach_redis(places: Urls) -> Reach:
    @asynccontextmanager
    async def reach(shown: Authority, trusted: Path) -> AsyncIterator[RedisClient]:
        socket = parse_redis_url(places.redis).place
        async with tls_in_front(socket, shown.server) as port:
            url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={trusted}"
            client = await asyncio.to_thread(lambda: RedisClient.connect(url, timeout=5, max_connections=4))
            try:
                yield client
            finally:
                await client.close()

    return reach


# A109
async def test_redis_is_spoken_to_by_tls_through_the_shared_connection(authorities, reach_redis):
    right = authorities["right"]
    echo = Script("echo", "return ARGV[1]", "0" * 40)
    large = b"x" * 1_000_000
    async with reach_redis(right, right.ca) as redis:
        assert await redis.execute("PING") == b"PONG"
        replies = await asyncio.gather(*(redis.execute("ECHO", number) for number in range(500)))
        assert replies == [str(number).encode() for number in range(500)]
        assert await redis.run(echo, [], [large]) == large  # many records of TLS, there and back
        assert await redis.facts("server")
        assert len(redis.met) == 1


# A109
@pytest.mark.parametrize(("shown", "trusted"), [("right", "wrong"), ("wrong", "right"), ("named", "named")])
async def test_a_redis_with_a_certificate_of_somebody_else_is_an_outage(
    authorities, reach_redis, shown, trusted
):
    async with reach_redis(authorities[shown], authorities[trusted].ca) as redis:
        with pytest.raises(Outage) as outage:
            await redis.execute("PING")
    assert "CERTIFICATE_VERIFY_FAILED" in str(outage.value.__cause__)


async def test_a_redis_that_goes_away_behind_tls_is_an_outage_and_comes_back(authorities, places):
    right, socket = authorities["right"], parse_redis_url(places.redis).place
    async with tls_in_front(socket, right.server) as port:
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={right.ca}"
        redis = await asyncio.to_thread(lambda: RedisClient.connect(url, timeout=5, max_connections=4))
        assert await redis.execute("PING") == b"PONG"
        redis._sender._line._transport.abort()  # type: ignore[union-attr]
        with pytest.raises(Outage):
            await redis.execute("PING")
        assert await redis.execute("PING") == b"PONG"
    with pytest.raises(Outage):
        await redis.execute("PING")
    await redis.close()


@pytest.fixture
def reach_postgres(places: Urls):
    url = make_url(places.database)
    socket = f"{url.query['host']}/.s.PGSQL.{url.query['port']}"

    @asynccontextmanager
    async def reach(shown: Authority):
        async with tls_in_front(socket, shown.server, postgres=True) as port:
            through = f"postgresql+asyncpg://{url.username}@127.0.0.1:{port}/{url.database}?ssl=verify-full"
            database = await asyncio.to_thread(Database, through)
            try:
                yield database
            finally:
                await database.close()

    return reach


async def one(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(text("SELECT 1"))).scalar_one())


# A109
async def test_postgresql_is_spoken_to_by_tls(authorities, reach_postgres, monkeypatch):
    monkeypatch.setenv("PGSSLROOTCERT", str(authorities["right"].ca))
    async with reach_postgres(authorities["right"]) as database:
        assert await one(database) == 1


# A109
@pytest.mark.parametrize(("shown", "trusted"), [("right", "wrong"), ("wrong", "right"), ("named", "named")])
async def test_a_postgresql_with_a_certificate_of_somebody_else_is_an_outage(
    authorities, reach_postgres, monkeypatch, shown, trusted
):
    monkeypatch.setenv("PGSSLROOTCERT", str(authorities[trusted].ca))
    async with reach_postgres(authorities[shown]) as database:
        with pytest.raises(Outage) as outage:
            await one(database)
    assert "CERTIFICATE_VERIFY_FAILED" in str(outage.value.__cause__)


async def test_postgresql_without_any_ca_to_believe_is_an_outage(
    authorities, reach_postgres, monkeypatch, tmp_path
):
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    async with reach_postgres(authorities["right"]) as database:
        with pytest.raises(Outage):
            await one(database)
