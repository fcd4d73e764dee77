"""Whether a Redis server may be trusted with sessions."""

from collections.abc import Mapping

from authsvc.keyspace import Keyspace
from authsvc.kit.lua import load_script
from authsvc.kit.outage import Outage
from authsvc.kit.redis import RedisClient
from authsvc.kit.redis_failures import InfoRefused

_OLDEST = (6, 2)
_NO_WRITES = (b"READONLY", b"MISCONF", b"NOREPLICAS")
"""A replica; a disk that takes nothing; fewer replicas than `min-replicas-to-write`."""
_PROBE = load_script(__package__, "probe")


async def check_server(redis: RedisClient, keys: Keyspace) -> str:
    """Return "ok", or one word for why sessions are not safe there; raises `Outage` if it does not answer.

    Of a cluster, each node that can be reached is looked at, replicas too: any may have to serve next.

    - ``no_info``: it does not say which server it is, so that a failover would go unnoticed
    - ``too_old``: before 6.2
    - ``unsafe_store_policy``: it evicts keys when memory runs short, so users would be logged out at random
    - ``no_scripts``: it does not run what the sessions need
    - ``full``: its memory is used up; reading goes on
    - ``read_only``: it takes no writes for another reason; likewise

    Of a cluster, one node is asked for the last two by writing, and for ``full`` each by what it says.
    """
    try:
        servers, memories = await redis.facts_of_nodes("server"), await redis.facts_of_nodes("memory")
    except Outage as outage:
        if _is_for_lack_of_info(outage):
            return "no_info"
        raise
    if any("redis_version" in each and _version(each["redis_version"]) < _OLDEST for each in servers):
        return "too_old"
    if any(each.get("maxmemory_policy", "noeviction") != "noeviction" for each in memories):
        return "unsafe_store_policy"
    try:
        said: bytes = await redis.run(_PROBE, [keys.probe()], [])
    except Outage:
        await redis.execute("PING")  # it answers, so it is the script that does not work
        return "no_scripts"
    return "full" if any(map(_is_full, memories)) else _judge(said)


def _judge(said: bytes) -> str:
    """Return what a reply of the probe means."""
    if b"OOM" in said:
        return "full"
    if any(word in said for word in _NO_WRITES):
        return "read_only"
    return "ok" if said == b"OK" else "no_scripts"


def _is_full(memory: Mapping[str, str]) -> bool:
    """Tell whether memory is used up, as the server decides it: its buffers for others do not count."""
    limit, used, buffers = (
        int(memory.get(name, 0)) for name in ("maxmemory", "used_memory", "mem_not_counted_for_evict")
    )
    return used - buffers > limit > 0


def _is_for_lack_of_info(outage: Outage) -> bool:
    """Look at all causes: a client of a cluster wraps what its nodes said."""
    cause = outage.__cause__
    while cause is not None and not isinstance(cause, InfoRefused):
        cause = cause.__cause__
    return cause is not None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
