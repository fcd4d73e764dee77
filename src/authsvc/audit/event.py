"""What the ledger says of one thing that happened. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class EventName(StrEnum):
    """Everything that is recorded. Names are stable: whoever reads the ledger depends on them."""

    USER_REGISTERED = "user_registered"
    PROFILE_CHANGED = "profile_changed"  # reason: the fields, never their values
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name, no secret; the other sessions end with it
    PASSWORD_REHASHED = "password_rehashed"  # noqa: S105 - likewise; the same password, a stronger hash
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    USER_DELETED = "user_deleted"
    LOGIN_SUCCEEDED = "login_succeeded"
    LOGGED_OUT = "logged_out"
    OTHER_SESSIONS_ENDED = "other_sessions_ended"
    ALL_SESSIONS_ENDED = "all_sessions_ended"
    SESSION_REVOKED = "session_revoked"  # one of the user's sessions, ended from another
    SESSION_DISPLACED = "session_displaced"  # the oldest one, ended by a login beyond the limit
    REFRESH_REUSE = "refresh_reuse"  # an old refresh token came back: the session was ended
    REFRESH_AHEAD = "refresh_ahead"  # one that the store had not given out yet: likewise
    SIGNING_KEY_ADDED = "signing_key_added"  # reason: its kid
    SIGNING_KEY_RETIRED = "signing_key_retired"  # likewise

    @property
    def outcome(self) -> str:
        """Whether what was asked for was done: ``success`` or ``refused``."""
        return "refused" if self in {EventName.REFRESH_REUSE, EventName.REFRESH_AHEAD} else "success"


class Actor(StrEnum):
    """Who caused it."""

    USER = "user"  # somebody with the user's password or token
    OPERATOR = "operator"  # somebody with this service's command line
    SERVICE = "service"  # the service by itself


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked for it, and from where, as far as it is known."""

    actor: Actor
    ip_address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


OPERATOR = Origin(Actor.OPERATOR)
SERVICE = Origin(Actor.SERVICE)
SOMEBODY = Origin(Actor.USER)
"""A user, of whom nothing more is known."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``session_id`` is the session that it is about, or else the one that asked.

    Nothing in it is secret: no password, no hash, no token; no username or e-mail address either, so that it
    leads to nobody once the user is deleted, but for the address that was asked from.
    """

    name: EventName
    origin: Origin
    user_id: UUID | None = None
    session_id: UUID | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as it stands in the ledger. ``id`` grows, though not without gaps."""

    id: int
    occurred_at: datetime
    name: str
    outcome: str
    actor: str
    user_id: UUID | None
    session_id: UUID | None
    ip_address: str | None
    user_agent: str | None
    request_id: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events to look for; None stands for any."""

    user_id: UUID | None = None
    name: str | None = None
    since: datetime | None = None
