"""What kind of outage a failure of Redis is: by redis-py's class, or by the server's first word."""

from collections.abc import Mapping
from typing import Final

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from authsvc.kit.circuit import Refused
from authsvc.kit.outage import Kind

FAILURES: Final = (RedisError, RedisClusterException, OSError, Refused)


class InfoRefused(RedisError):
    """This user may not call INFO, so nobody can tell one server from another. The cause of an `Outage`."""


_BY_CLASS: Final[Mapping[type[BaseException], Kind]] = {
    TimeoutError: "timeout",
    RedisTimeoutError: "timeout",
    InfoRefused: "configuration",
    AuthenticationError: "configuration",
    AuthorizationError: "configuration",
    NoPermissionError: "configuration",
    BusyLoadingError: "refused",
    ClusterDownError: "refused",
    OutOfMemoryError: "refused",
    ReadOnlyError: "refused",
    TryAgainError: "refused",
    InvalidResponse: "defect",
}
_BY_WORD: Final[Mapping[str, Kind]] = {
    "BUSY": "refused",
    "CLUSTERDOWN": "refused",
    "LOADING": "refused",
    "MASTERDOWN": "refused",
    "MISCONF": "refused",
    "NOREPLICAS": "refused",
    "OOM": "refused",
    "READONLY": "refused",
    "TRYAGAIN": "refused",
    "DENIED": "configuration",
    "NOAUTH": "configuration",
    "NOPERM": "configuration",
    "WRONGPASS": "configuration",
}


def cause_of(error: BaseException) -> BaseException:
    """Return what failed; of a refusal, the failure that it is for."""
    return error.cause if isinstance(error, Refused) else error


def kind_of(error: BaseException) -> Kind:
    """Return what an operator should look at."""
    error = cause_of(error)
    for each in type(error).__mro__:
        if each in _BY_CLASS:
            return _BY_CLASS[each]
    said = str(error)
    if not isinstance(error, ResponseError) or "max number of clients" in said:
        return "unreachable"
    return _BY_WORD.get(said.partition(" ")[0], "defect")
