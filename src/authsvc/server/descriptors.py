"""File descriptors: every connection takes one, and many systems allow a process few unless it asks."""

import contextlib

from authsvc.server import limits

_OTHERS = 200  # files, logs, the loop, connections to Redis


def descriptors_for(connections: int, database_connections: int) -> int:
    """Return how many descriptors a process needs that serves so many clients."""
    return connections + limits.TURNED_AWAY + database_connections + _OTHERS


def allow_descriptors(wanted: int) -> int:
    """Raise the soft limit of this process, and of those it starts, to ``wanted`` or as far as it goes.

    Returns how many are allowed now.
    """
    try:
        import resource  # noqa: PLC0415  (not on every system)
    except ImportError:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= wanted:
        return wanted
    aim = wanted if hard == unlimited else min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):  # some systems have a limit of their own
        resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
