"""Which URLs of Redis are understood, what clients are made of them, and that a refusal quotes nothing."""

from typing import Any

import pytest
from redis.asyncio import Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import SentinelConnectionPool

from authsvc.kit.redis_url import UnusableRedisUrl, open_client, parse_redis_url

CANARY = "zq9canary7xk"


async def nothing(_: AbstractConnection) -> None:
    """Set up no connection: none is made here."""


def opened(url: str) -> Redis | RedisCluster:
    """Return the client for ``url``."""
    return open_client(url, timeout=0.5, max_connections=3, on_connect=nothing)


def options(client: Redis | RedisCluster) -> dict[str, Any]:
    """Return what each connection of ``client`` is given."""
    if isinstance(client, RedisCluster):
        return client.nodes_manager.connection_kwargs
    made: dict[str, Any] = client.connection_pool.connection_kwargs
    return made


@pytest.mark.parametrize(
    ("url", "kind", "expected"),
    [
        ("redis://redis", Connection, {"host": "redis", "port": 6379, "db": 0, "username": None}),
        ("redis://u:p%2F%40@[::1]:7/9", Connection, {"host": "::1", "port": 7, "db": 9, "password": "p/@"}),
        ("redis://redis/?protocol=3", Connection, {"db": 0, "protocol": 3}),
        ("rediss://:p@redis:1", SSLConnection, {"port": 1, "username": None, "password": "p"}),
        (
            "rediss://r?ssl_ca_certs=/ca&ssl_certfile=/c&ssl_keyfile=/k&ssl_check_hostname=false",
            SSLConnection,
            {"ssl_ca_certs": "/ca", "ssl_certfile": "/c", "ssl_keyfile": "/k", "ssl_check_hostname": False},
        ),
        ("unix:///run/a%20b?db=2", UnixDomainSocketConnection, {"path": "/run/a b", "db": 2}),
        ("unix://u:p@/run/x", UnixDomainSocketConnection, {"path": "/run/x", "username": "u"}),
    ],
)
async def test_one_server_is_reached_as_its_url_says(url, kind, expected):
    client = opened(url)
    assert isinstance(client, Redis)
    made = client.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py's
    assert type(made) is kind
    assert expected.items() <= options(client).items()
    assert options(client)["socket_timeout"] == options(client)["socket_connect_timeout"] == 0.5
    await client.aclose()


async def test_sentinels_and_the_primary_that_they_name_have_accounts_of_their_own_and_tls():
    client = opened("rediss+sentinel://u:p@a,b:7/main/3?sentinel_password=s%2Ft&ssl_ca_certs=/ca")
    assert isinstance(client, Redis)
    pool = client.connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "main"
    expected = {"db": 3, "username": "u", "password": "p", "ssl_ca_certs": "/ca"}
    assert expected.items() <= options(client).items()
    made = pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py left it without types
    assert isinstance(made, SSLConnection)
    places = []
    for sentinel in pool.sentinel_manager.sentinels:
        asked = options(sentinel)
        places.append((asked["host"], asked["port"]))
        assert (asked["username"], asked["password"], asked["ssl_ca_certs"]) == (None, "s/t", "/ca")
        assert isinstance(sentinel.connection_pool.make_connection(), SSLConnection)
    assert places == [("a", 26379), ("b", 7)]
    await client.aclose()


@pytest.mark.parametrize("end", ["", "/", "/0"])
async def test_a_cluster_has_one_database_and_the_same_tls_options(end):
    client = opened(f"rediss+cluster://u:p@a,b:7{end}?ssl_ca_certs=/ca&ssl_check_hostname=true")
    assert isinstance(client, RedisCluster)
    expected = {"username": "u", "password": "p", "ssl_ca_certs": "/ca", "ssl_check_hostname": True}
    assert expected.items() <= options(client).items()
    assert options(client)["connection_class"] is SSLConnection
    assert [(node.host, node.port) for node in client.nodes_manager.startup_nodes.values()] == [
        ("a", 6379),
        ("b", 7),
    ]
    await client.aclose()


@pytest.mark.parametrize(
    "url",
    [
        CANARY,
        f"http://:{CANARY}@redis",
        "redis://",
        "redis:///0",
        f"redis://:{CANARY}@",
        f"redis://:{CANARY}@:6379",
        f"redis://:{CANARY}/c2Vj@redis",
        f"redis://:{CANARY}?c2Vj@redis",
        f"redis://:{CANARY}#c2Vj@redis",
        f"redis://user:12/{CANARY}@redis",
        f"redis://user:12?{CANARY}@redis",
        f"redis://user#{CANARY}@redis",
        f"redis://:{CANARY}@redis:0",
        f"redis://:{CANARY}@redis:65536",
        f"redis://:{CANARY}@redis:{CANARY}",
        f"redis://:{CANARY}@redis:6379/{CANARY}",
        f"redis://:{CANARY}@redis/1/2",
        f"redis://:{CANARY}@redis/1/",
        f"redis://:{CANARY}@redis/-1",
        f"redis://:{CANARY}@redis/10000",
        f"redis://:{CANARY}@redis/²",
        f"redis://:{CANARY}@a,b",
        f"redis://:{CANARY}@::1",
        f"redis://:{CANARY}@[redis",
        f"redis://:{CANARY}@redis?db=1",
        f"redis://:{CANARY}@redis?{CANARY}=1",
        f"redis://:{CANARY}@redis?socket_timeout=60",
        f"redis://:{CANARY}@redis?max_connections=1",
        f"redis://:{CANARY}@redis?protocol={CANARY}",
        f"redis://:{CANARY}@redis?protocol=2&protocol=3",
        f"redis://:{CANARY}@redis?ssl_ca_certs=/ca",
        f"redis://:{CANARY}@redis?sentinel_password={CANARY}",
        f"rediss://:{CANARY}@redis?ssl_ca_certs=",
        f"rediss://:{CANARY}@redis?ssl_cert_reqs=none",
        f"rediss://:{CANARY}@redis?ssl_check_hostname={CANARY}",
        f"rediss://:{CANARY}@redis?ssl_keyfile=/{CANARY}",
        "unix://",
        f"unix://{CANARY}/valkey.sock",
        f"unix:///run/valkey.sock?db={CANARY}",
        "unix:///run/valkey%00.sock",
        f"redis+sentinel://:{CANARY}@a",
        f"redis+sentinel://:{CANARY}@a,/main",
        f"redis+sentinel://:{CANARY}@a/main/{CANARY}",
        f"redis+sentinel://:{CANARY}@a/main/1/2",
        f"redis+sentinel://user:12/{CANARY}@a",
        f"redis+cluster://:{CANARY}@a/1",
        f"redis+cluster://:{CANARY}@a:7,b:{CANARY}",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_a_word_of_it(url):  # A101
    with pytest.raises(UnusableRedisUrl) as refused:
        parse_redis_url(url)
    assert CANARY not in str(refused.value)
    assert "c2Vj" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_what_a_url_says_is_shown_without_its_secrets():  # A101
    shown = repr(parse_redis_url(f"redis+sentinel://u:{CANARY}@a/main?sentinel_password={CANARY}"))
    assert "main" in shown
    assert CANARY not in shown
