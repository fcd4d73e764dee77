"""What a user is, without any I/O."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Literal
from uuid import UUID

from authsvc.users.identity import Email, Username


@dataclass(frozen=True, slots=True)
class User:
    """One user, as stored.

    ``id`` is random, never changes and is never given out again. ``session_epoch`` is what a session
    started now carries. ``version`` grows whenever a copy of the user kept elsewhere becomes stale;
    ``updated_at`` is when what `public_record` shows last changed.
    """

    id: UUID
    username: str
    name: str | None
    email: str | None
    email_verified: bool
    password_hash: str = field(repr=False)
    session_epoch: int
    version: int
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_active(self) -> bool:
        """Whether this user may enter."""
        return self.disabled_at is None


@dataclass(frozen=True, slots=True)
class NewUser:
    """Somebody about to be registered."""

    username: Username
    name: str | None
    email: Email | None
    password_hash: str = field(repr=False)


class Unchanged(Enum):
    """The type of ``UNCHANGED``, which unlike None is no value that a field could be set to."""

    UNCHANGED = "unchanged"


UNCHANGED: Final[Literal[Unchanged.UNCHANGED]] = Unchanged.UNCHANGED
"""Stands for a field that stays as it is."""


@dataclass(frozen=True, slots=True)
class ProfileChanges:
    """What to change of a user; None clears a field."""

    name: str | Unchanged | None = UNCHANGED
    email: Email | Unchanged | None = UNCHANGED


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says about one session of one user.

    ``session_epoch`` is the user's: what a session started now carries. ``required_epoch`` is the lowest
    one with which this session is still valid. ``ended``: it was ended by itself. ``ended_all``: it was the
    one that last ended all sessions of the user, itself included.
    """

    is_active: bool
    session_epoch: int
    required_epoch: int
    ended: bool
    ended_all: bool

    def admits(self, session_epoch: int) -> bool:
        """Whether the session may go on, given the epoch that it carries since its login."""
        return self.is_active and not self.ended and session_epoch >= self.required_epoch


def public_record(user: User) -> bytes:
    """Return the JSON that GET /user answers: UTF-8, compact, times as RFC 3339 in UTC."""
    record = {
        "id": str(user.id),
        "username": user.username,
        "name": user.name,
        "email": user.email,
        "email_verified": user.email_verified,
        "created_at": _rfc3339(user.created_at),
        "updated_at": _rfc3339(user.updated_at),
    }
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def _rfc3339(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
