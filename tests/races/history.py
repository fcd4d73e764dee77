"""What happened, as the clients saw it: written down once, judged afterwards."""

import hashlib
import time
from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum

NEVER = 2**63
"""When an operation ended whose answer nobody waited for."""


class Kind(Enum):
    START = "start"  # a login made the session
    REFRESH = "refresh"
    FORGED = "forged"  # a refresh token that the service never signed
    LOOK = "look"  # anything that only a live session may do
    END = "end"  # log-outs, and whatever else ends the session
    STORED = "stored"  # what generation Redis holds


class Outcome(Enum):
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # the answer was lost, or was no answer: it may have happened, or not, or later


@dataclass(frozen=True, slots=True)
class Operation:
    """Something done to one session. Times in nanoseconds, of one clock.

    ``generation`` is what was presented (refresh) or found (stored); ``successor`` and
    ``successor_generation`` are what was answered, the token as a digest. ``owner`` is the user that was
    shown. ``retry``: the reply to the same request was lost before.
    """

    kind: Kind
    session: str
    invoked: int
    ended: int
    outcome: Outcome
    generation: int = 0
    successor: str = ""
    successor_generation: int = 0
    owner: str = ""
    retry: bool = False


class Deed(Enum):
    REGISTER = "register"  # several at once, of one name
    LOG_IN = "log in"
    SET_PASSWORD = "set password"
    GUESS = "guess"  # a wrong password, many at once


@dataclass(frozen=True, slots=True)
class Act:
    """Something done to a user. ``subject`` is the user's canonical name; ``password`` a name for it."""

    deed: Deed
    subject: str
    invoked: int
    ended: int
    status: int
    password: str = ""


@dataclass
class History:
    """Append-only."""

    operations: dict[str, list[Operation]] = field(default_factory=lambda: defaultdict(list))
    acts: list[Act] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)  # canonical name: rows in the database
    defects: list[str] = field(default_factory=list)  # answers that nobody should ever get
    put_off: int = 0  # how often the service was too busy

    def note(self, operation: Operation) -> None:
        """Append an operation."""
        self.operations[operation.session].append(operation)


def now() -> int:
    """Return the time, for ``invoked`` and ``ended``."""
    return time.monotonic_ns()


def digest(token: str) -> str:
    """Return what is written down of a token."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]
