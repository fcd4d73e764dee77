"""What every tool raises when something that the service depends on does not answer."""

import re
from typing import Literal

Kind = Literal["unreachable", "timeout", "refused", "configuration", "schema", "defect"]
"""What an operator should look at.

- ``unreachable``: nobody answers there, or the connection broke
- ``timeout``: no answer in time, or no connection became free in time
- ``refused``: it answers, and says that it cannot work now: starting, full, read-only, a lock is taken
- ``configuration``: it does not let this user in, or do this
- ``schema``: a table or column is missing: the schema is not the one that this version works with
- ``defect``: it was asked wrongly, or answers what cannot be. Only a change of the program helps
"""

_MOST = 200
_ARGUMENTS = re.compile(r",? with args beginning with:.*", re.DOTALL)
_CLASS = re.compile(r"^<class '[^']*'>: ")


class Outage(Exception):
    """A dependency is down, slow, full or refusing. The caller may try again later.

    ``dependency`` is ``"database"``, ``"redis"`` or ``"breached_passwords"``, a file; the cause, for the log
    only, is ``__cause__``.
    Whether the interrupted operation took effect is unknown.
    """

    def __init__(self, dependency: str, kind: Kind = "unreachable") -> None:
        super().__init__(f"{dependency} is unavailable")
        self.dependency = dependency
        self.kind = kind

    @property
    def is_defect(self) -> bool:
        """Whether waiting will not help."""
        return self.kind in {"schema", "defect"}


def is_closed_transport(error: BaseException | None) -> bool:
    """Whether this is how uvloop tells that the peer hung up a moment ago, and nobody heard of it yet.

    It is a RuntimeError without a kind of its own, and drivers pass it on as it is.
    """
    return isinstance(error, RuntimeError) and "the handler is closed" in str(error)


def reason(outage: Outage) -> str:
    """Return why, for the log."""
    cause = outage.__cause__
    return f"needs the {outage.dependency}" if cause is None else told_by(cause)


def told_by(cause: BaseException) -> str:
    """Return what an error of a driver says, fit for the log: the first line, short, without decoration.

    Drivers name hosts, users, commands and keys there. Values stand only behind PostgreSQL's first line, and
    where Redis repeats the arguments of a command that it does not know: both are cut off.
    """
    lines = str(getattr(cause, "orig", None) or cause).strip().splitlines()
    said = _ARGUMENTS.sub("", _CLASS.sub("", lines[0])).rstrip(".")[:_MOST] if lines else ""
    if said:
        return said
    return "no answer in time" if isinstance(cause, TimeoutError) else type(cause).__name__
