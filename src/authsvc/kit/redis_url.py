"""How a URL becomes a client of redis-py: one server, Sentinel or Cluster.

    redis://[user:password@]host[:port][/db]                       one server
    unix://[user:password@]/path[?db=n]                            one server, through a socket
    redis+sentinel://[user:password@]host[:port],…/service[/db]    the primary that the sentinels name
    redis+cluster://[user:password@]host[:port],…                  a cluster, found from any node

``rediss``, ``rediss+sentinel`` and ``rediss+cluster`` use TLS, with the options ``ssl_ca_certs``,
``ssl_certfile``, ``ssl_keyfile`` (paths) and ``ssl_check_hostname`` (true or false). Sentinels that want a
password of their own are given it as ``?sentinel_password=…`` (and ``sentinel_username``). ``protocol`` is
2 or 3. How long and how often to try is no matter of the URL.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio import (
    Connection,
    ConnectionPool,
    Redis,
    Sentinel,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from authsvc.kit.loopback import is_loopback

Kind = Literal["server", "socket", "sentinel", "cluster"]

_KINDS: Mapping[str, Kind] = {
    "redis": "server",
    "rediss": "server",
    "unix": "socket",
    "redis+sentinel": "sentinel",
    "rediss+sentinel": "sentinel",
    "redis+cluster": "cluster",
    "rediss+cluster": "cluster",
}
_REDIS_PORT = 6379
_SENTINEL_PORT = 26379
_HIGHEST_PORT = 65535

_TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
_SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
_CHOICES: Mapping[str, Mapping[str, object]] = {
    "ssl_check_hostname": {"true": True, "false": False},
    "protocol": {"2": 2, "3": 3},
}

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::([0-9]{1,5}))?", re.ASCII)
_DATABASE = re.compile(r"[0-9]{1,4}")
_SERVICE = re.compile(r"[A-Za-z0-9._-]+")  # what Sentinel takes for the name of one

_ESCAPES = "in its user and password, write / as %2F, ? as %3F, # as %23, @ as %40 and % as %25"

_NO_NOTIFICATIONS = MaintNotificationsConfig(enabled=False)  # a round trip to ask for what few servers have

OnConnect = Callable[[AbstractConnection], Awaitable[None]]
"""What is done with every new connection before it carries its first command."""


class UnusableRedisUrl(ValueError):
    """The URL cannot be used; the text says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """What a URL says; ``place`` is a socket's path or the name of Sentinel's service."""

    kind: Kind
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    place: str
    database: int
    account: Mapping[str, str | None] = field(repr=False)
    sentinel_account: Mapping[str, str | None] = field(repr=False)
    options: Mapping[str, object] = field(repr=False)

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way could listen, or pose as the server.

        So it is for a socket or loopback, and for TLS that checks certificate and name (redis-py's default).
        Of Sentinel and a cluster, the hosts that the URL names stand for those that they lead to.
        """
        if self.tls:
            return self.options.get("ssl_check_hostname", True) is True
        return all(is_loopback(host) for host, _ in self.hosts)


def parse_redis_url(text: str) -> RedisUrl:
    """Return what ``text`` says.

    Raises:
        UnusableRedisUrl: a part of it is unknown, missing or wrong.

    """
    try:
        parts = urlsplit(text)
    except ValueError:
        raise UnusableRedisUrl(f"is not a URL; {_ESCAPES}") from None  # the cause would quote it
    kind = _KINDS.get(parts.scheme)
    if kind is None:
        raise UnusableRedisUrl(
            "must be redis://host, unix:///path, redis+sentinel://host,host/service or redis+cluster://host,host"
        )
    query = _query(parts, kind)
    place, database = _place(parts, kind, query)
    userinfo, _, _ = parts.netloc.rpartition("@")
    return RedisUrl(
        kind=kind,
        tls=parts.scheme.startswith("rediss"),
        hosts=_hosts(parts, kind),
        place=place,
        database=database,
        account=_account(*userinfo.partition(":")[::2]),
        sentinel_account={
            name.removeprefix("sentinel_"): query[name] for name in _SENTINEL_OPTIONS if name in query
        },
        options={
            name: _CHOICES[name][value] if name in _CHOICES else value
            for name, value in query.items()
            if name == "protocol" or name in _TLS_OPTIONS
        },
    )


def open_client(
    url: str, *, timeout: float, max_connections: int, on_connect: OnConnect
) -> Redis | RedisCluster:
    """Return a client for ``url``; it connects when it is first used.

    Nothing is sent again by itself; connecting, and every reply, may take ``timeout`` seconds.

    Raises:
        UnusableRedisUrl: there is no client for such a URL.

    """
    parsed = parse_redis_url(url)
    connecting: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "maint_notifications_config": _NO_NOTIFICATIONS,
        **parsed.options,
    }
    pooled: dict[str, Any] = {**parsed.account, "max_connections": max_connections, "decode_responses": False}
    if parsed.kind == "cluster":
        return _open_cluster(parsed, connecting | pooled, on_connect)
    following = pooled | {"db": parsed.database, "retry": _never_again(), "redis_connect_func": on_connect}
    if parsed.kind == "sentinel":
        return _open_sentinel(parsed, connecting, following)
    if parsed.kind == "socket":
        where: dict[str, Any] = {"connection_class": UnixDomainSocketConnection, "path": parsed.place}
    else:
        [(host, port)] = parsed.hosts
        where = {"connection_class": SSLConnection if parsed.tls else Connection, "host": host, "port": port}
    return Redis.from_pool(ConnectionPool(**where, **connecting, **following))


async def close_client(client: Redis | RedisCluster) -> None:
    """Close every connection, also those to sentinels, which redis-py forgets."""
    await client.aclose()
    pool = client.connection_pool if isinstance(client, Redis) else None
    if isinstance(pool, SentinelConnectionPool):
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _open_sentinel(url: RedisUrl, connecting: dict[str, Any], following: dict[str, Any]) -> Redis:
    sentinels: Sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py left it without types
        url.hosts,
        sentinel_kwargs=connecting | {"retry": _never_again(), "ssl": url.tls, **url.sentinel_account},
    )
    client: Redis = sentinels.master_for(url.place, ssl=url.tls, **connecting, **following)
    return client


def _open_cluster(url: RedisUrl, options: dict[str, Any], on_connect: OnConnect) -> RedisCluster:
    cluster = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in url.hosts],
        retry=_never_again(),
        ssl=url.tls,
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


def _query(parts: SplitResult, kind: Kind) -> dict[str, str]:
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = dict(pairs)
    allowed = ["protocol"]
    allowed += _TLS_OPTIONS if parts.scheme.startswith("rediss") else ()
    allowed += _SENTINEL_OPTIONS if kind == "sentinel" else ()
    allowed += ("db",) if kind == "socket" else ()
    if parts.fragment or len(query) < len(pairs) or not query.keys() <= set(allowed) or "" in query.values():
        raise UnusableRedisUrl(
            f"takes no options with this beginning but {', '.join(allowed)}, each once; {_ESCAPES}"
        )
    for name, choices in _CHOICES.items():
        if name in query and query[name] not in choices:
            raise UnusableRedisUrl(f"has an option {name} that is not {' or '.join(choices)}")
    if "ssl_keyfile" in query and "ssl_certfile" not in query:
        raise UnusableRedisUrl("has an option ssl_keyfile without ssl_certfile")
    return query


def _place(parts: SplitResult, kind: Kind, query: Mapping[str, str]) -> tuple[str, int]:
    """Return the path or the service, and the number of the database."""
    match kind:
        case "socket":
            place, database = unquote(parts.path), query.get("db", "")
            if not place or "\0" in place:
                raise UnusableRedisUrl("names no socket: unix:///path")
        case "sentinel":
            place, _, database = parts.path.removeprefix("/").partition("/")
            if not _SERVICE.fullmatch(place):
                raise UnusableRedisUrl(
                    f"must end with a service's name: redis+sentinel://host,host/service; {_ESCAPES}"
                )
        case "server" | "cluster":
            place, database = "", parts.path.removeprefix("/")
    if database and (not _DATABASE.fullmatch(database) or (kind == "cluster" and int(database))):
        raise UnusableRedisUrl(
            "has a database that cannot be: it is a number from 0 to 9999, and 0 in a cluster; " + _ESCAPES
        )
    return place, int(database or 0)


def _hosts(parts: SplitResult, kind: Kind) -> tuple[tuple[str, int], ...]:
    where = parts.netloc.rpartition("@")[2]
    if kind == "socket":
        if where:
            raise UnusableRedisUrl(f"names a socket by its whole path: unix:///path; {_ESCAPES}")
        return ()
    default = _SENTINEL_PORT if kind == "sentinel" else _REDIS_PORT
    hosts = []
    for one in where.split(",") if kind in {"sentinel", "cluster"} else [where]:
        match = _HOST.fullmatch(one)
        port = int(match[2] or default) if match else 0
        if match is None or not 1 <= port <= _HIGHEST_PORT:
            raise UnusableRedisUrl(
                f"has a host that cannot be, or a port that is not from 1 to {_HIGHEST_PORT}; {_ESCAPES}"
            )
        hosts.append((match[1].strip("[]"), port))
    return tuple(hosts)


def _account(username: str, password: str) -> dict[str, str | None]:
    return {"username": unquote(username) or None, "password": unquote(password) or None}
