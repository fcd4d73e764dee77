"""How a URL becomes a client of redis-py: one server, Sentinel or Cluster.

    redis://[user:password@]host[:port][/db]                       one server; rediss:// for TLS
    unix:///path[?db=n]                                            one server, through a socket
    redis+sentinel://[user:password@]host[:port],…/service[/db]    the primary that the sentinels name
    redis+cluster://[user:password@]host[:port],…                  a cluster, found from any node

``rediss+sentinel`` and ``rediss+cluster`` use TLS. Sentinels that want a password of their own are given
it as ``?sentinel_password=…`` (and ``sentinel_username``).
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from redis.asyncio import ConnectionPool, Redis, Sentinel
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

SCHEMES = (
    "redis",
    "rediss",
    "unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
)
_REDIS_PORT = 6379
_SENTINEL_PORT = 26379

_NO_NOTIFICATIONS = MaintNotificationsConfig(enabled=False)  # a round trip to ask for what few servers have

OnConnect = Callable[[AbstractConnection], Awaitable[None]]
"""What is done with every new connection before it carries its first command."""


def is_redis_url(url: str) -> bool:
    """Tell whether `open_client` knows what to do with ``url``."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        return False
    if parts.scheme.endswith("+sentinel"):
        return bool(parts.netloc and parts.path.strip("/"))
    return bool(parts.path if parts.scheme == "unix" else parts.netloc)


def open_client(
    url: str, *, timeout: float, max_connections: int, on_connect: OnConnect
) -> Redis | RedisCluster:
    """Return a client for ``url``; it connects when it is first used.

    Nothing is sent again by itself; connecting, and every reply, may take ``timeout`` seconds.
    """
    parts = urlsplit(url)
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "max_connections": max_connections,
        "decode_responses": False,
        "maint_notifications_config": _NO_NOTIFICATIONS,
    }
    if parts.scheme.endswith("+cluster"):
        return _open_cluster(parts, options, on_connect)
    options |= {"retry": _never_again(), "redis_connect_func": on_connect}
    if parts.scheme.endswith("+sentinel"):
        return _open_sentinel(parts, options)
    return Redis.from_pool(ConnectionPool.from_url(url, **options))


def _open_sentinel(parts: SplitResult, options: dict[str, Any]) -> Redis:
    query = parse_qs(parts.query)
    service, _, database = parts.path.strip("/").partition("/")
    sentinels: Sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py left it without types
        _hosts(parts, _SENTINEL_PORT),
        sentinel_kwargs={
            "socket_timeout": options["socket_timeout"],
            "socket_connect_timeout": options["socket_connect_timeout"],
            "retry": _never_again(),
            "username": query.get("sentinel_username", [None])[0],
            "password": query.get("sentinel_password", [None])[0],
            "ssl": parts.scheme.startswith("rediss"),
            "maint_notifications_config": _NO_NOTIFICATIONS,
        },
    )
    client: Redis = sentinels.master_for(
        service, db=int(database or 0), ssl=parts.scheme.startswith("rediss"), **_account(parts), **options
    )
    return client


def _open_cluster(parts: SplitResult, options: dict[str, Any], on_connect: OnConnect) -> RedisCluster:
    cluster = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in _hosts(parts, _REDIS_PORT)],
        retry=_never_again(),
        ssl=parts.scheme.startswith("rediss"),
        **_account(parts),
        **options,
    )
    # The constructor takes no such option, but the nodes' connections do.
    for node in cluster.nodes_manager.startup_nodes.values():
        node.connection_kwargs |= {"redis_connect_func": on_connect}
    cluster.nodes_manager.connection_kwargs["redis_connect_func"] = on_connect
    return cluster


def _never_again() -> Retry:
    """Return redis-py's way of trying once; without it, ten times is the default, scripts included."""
    return Retry(NoBackoff(), 0)


def _hosts(parts: SplitResult, default_port: int) -> list[tuple[str, int]]:
    hosts = []
    for one in parts.netloc.rpartition("@")[2].split(","):
        host, colon, port = one.rpartition(":")
        if colon and port.isdigit():
            hosts.append((host.strip("[]"), int(port)))
        else:
            hosts.append((one.strip("[]"), default_port))
    return hosts


def _account(parts: SplitResult) -> dict[str, Any]:
    username, _, password = parts.netloc.rpartition("@")[0].partition(":")
    return {"username": unquote(username) or None, "password": unquote(password) or None}
