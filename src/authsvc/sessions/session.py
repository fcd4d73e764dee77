"""What a session is, and how presenting a refresh token may end. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

LAST_EPOCH = 2**31 - 1
"""Higher than any session's: ends the sessions of a user who is gone, for good."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long sessions live and how retries are treated.

    ``idle_ttl``: without a refresh; ``absolute_ttl``: at all (NIST SP 800-63B-4, section 2.1.3).
    ``grace``: how long the previous generation may be presented again, because its answer was lost; zero:
    never. ``max_replays``: how often within that time. ``max_per_user``: one more ends the oldest.
    """

    idle_ttl: timedelta = timedelta(days=14)
    absolute_ttl: timedelta = timedelta(days=30)
    grace: timedelta = timedelta(seconds=10)
    max_replays: int = 1000
    max_per_user: int = 100


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a login knows of the session that it starts; ``epoch`` is the user's at the time of the proof."""

    id: UUID
    user_id: UUID
    secret_digest: bytes = field(repr=False)
    epoch: int
    amr: tuple[str, ...]
    ip_address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Started:
    """The session lives. ``displaced`` are the oldest ones, ended because the user has too many."""

    created_at: datetime
    expires_at: datetime
    expires_in: timedelta
    displaced: tuple[UUID, ...]


class Refusal(Enum):
    """Why a refresh token was not honoured."""

    ENDED = "ended"  # no such session, another secret, past a deadline, or durably ended before
    REUSED = "reused"  # an older generation: the session has been ended
    AHEAD = "ahead"  # a newer generation than stored: the session has been ended


@dataclass(frozen=True, slots=True)
class Rotation:
    """The session goes on: ``generation`` is the successor's, the same again for a retry."""

    generation: int
    replayed: bool
    created_at: datetime
    expires_at: datetime
    expires_in: timedelta
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """A live session as its user may see it. It expires at ``expires_at`` if it is not refreshed before."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip_address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """What is stored of a session: its epoch, None if it has ended; the user's record if it is at hand."""

    epoch: int | None
    record: bytes | None

    @property
    def alive(self) -> bool:
        """Whether the session lives."""
        return self.epoch is not None
