"""What kind of outage a failed statement is: by SQLSTATE (PostgreSQL, appendix A) or by SQLite's words."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from authsvc.kit.outage import Kind

_BY_STATE: Final[Mapping[str, Kind]] = {
    "08": "unreachable",
    "25006": "refused",  # read-only: a standby
    "28": "configuration",
    "3D": "configuration",
    "3F": "schema",
    "40": "refused",  # a deadlock, or no way to serialise
    "42501": "configuration",
    "42703": "schema",
    "42P01": "schema",
    "53": "refused",
    "55P03": "refused",  # a lock is taken
    "57014": "timeout",
    "57": "refused",
    "58": "refused",
}
"""By the whole state, else by its class: its first two characters. Any other is a defect."""

_OF_ALL: Final = ("08", "28", "3D", "57P")
"""What states begin with that concern every connection alike; 57P is a server that starts or stops."""

_BY_WORDS: Final[Mapping[str, Kind]] = {
    "no such table": "schema",
    "no such column": "schema",
    "database is locked": "refused",
    "unable to open": "unreachable",
    "disk": "refused",  # I/O error, or full
    "readonly": "configuration",
}


def kind_of(error: BaseException) -> Kind:
    """Return what an operator should look at."""
    if isinstance(error, TimeoutError | PoolTimeoutError):
        return "timeout"
    if not isinstance(error, DBAPIError):
        return "unreachable"
    state = _state(error)
    if state:
        return _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or "defect"
    said = str(error.orig)
    for words, kind in _BY_WORDS.items():
        if words in said:
            return kind
    is_ours = isinstance(error, ProgrammingError | OperationalError) and not error.connection_invalidated
    return "defect" if is_ours else "unreachable"


def means_absence(error: BaseException) -> bool:
    """Whether the server may be gone for everybody: nobody answered, or nobody is let in.

    A lock that is taken and a server that has no place left are answers.
    """
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _state(error).startswith(_OF_ALL)
    return isinstance(error, PoolTimeoutError | OSError)


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""
