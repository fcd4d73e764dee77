"""What a session may do, decided without any store: the judge of the model-based tests. Pure.

Two things are told apart: the truth, which only ever moves towards ``ended``, and what is ``stored``, which
a failover may set back. What has ended but is stored again is *in doubt*: it must never be refreshed, and
whether an access token still opens a door is not judged here.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from tests.support.clock import SettableClock

from authsvc.sessions.session import Lifetimes


class Answer(Enum):
    ROTATED = "rotated"
    REPLAYED = "replayed"
    ENDED = "ended"
    REUSED = "reused"
    AHEAD = "ahead"

    @property
    def succeeds(self) -> bool:
        return self in (Answer.ROTATED, Answer.REPLAYED)


@dataclass
class ModelUser:
    id: UUID
    name: str
    passwords: list[str]  # the last one is the current one
    disabled: bool = False
    gone: bool = False
    last_end_of_all_by: UUID | None = None  # that session may ask for it again


@dataclass
class ModelSession:
    id: UUID
    user: ModelUser
    absolute_deadline: datetime
    ended: bool = False


@dataclass(frozen=True)
class Stored:
    generation: int
    rotated_at: datetime
    idle_deadline: datetime
    replays: int = 0


@dataclass
class SessionModel:
    clock: SettableClock
    lifetimes: Lifetimes
    sessions: dict[UUID, ModelSession] = field(default_factory=dict)
    stored: dict[UUID, Stored] = field(default_factory=dict)

    def start(self, user: ModelUser, session_id: UUID) -> set[UUID]:
        """Start a session; return those that had to make room for it."""
        now = self.clock()
        own = [each for each in self.sessions.values() if each.user is user and self.is_stored(each.id)]
        own.sort(key=lambda each: each.absolute_deadline)
        displaced = {each.id for each in own[: max(0, len(own) + 1 - self.lifetimes.max_per_user)]}
        for each in displaced:
            self.end(each)
        absolute = now + self.lifetimes.absolute_ttl
        self.sessions[session_id] = ModelSession(session_id, user, absolute)
        self.stored[session_id] = Stored(1, now, min(now + self.lifetimes.idle_ttl, absolute))
        return displaced

    def present(self, session_id: UUID, generation: int) -> Answer:
        """Present the genuine refresh token of a generation."""
        session, now = self.sessions[session_id], self.clock()
        if not self.is_alive(session_id):
            return Answer.ENDED
        stored = self.stored[session_id]
        if generation == stored.generation:
            deadline = min(now + self.lifetimes.idle_ttl, session.absolute_deadline)
            self.stored[session_id] = Stored(generation + 1, now, deadline)
            return Answer.ROTATED
        in_grace = now - stored.rotated_at < self.lifetimes.grace
        if generation == stored.generation - 1 and in_grace and stored.replays < self.lifetimes.max_replays:
            self.stored[session_id] = replace(stored, replays=stored.replays + 1)
            return Answer.REPLAYED
        self.end(session_id)
        return Answer.REUSED if generation < stored.generation else Answer.AHEAD

    def end(self, session_id: UUID) -> None:
        """End one session, for good."""
        self.sessions[session_id].ended = True
        self.stored.pop(session_id, None)

    def end_all(self, user: ModelUser, *, keep: UUID | None = None, by: UUID | None = None) -> None:
        """End the user's sessions but ``keep``; ``by`` is who asked for the end of all, itself included."""
        for session in self.sessions.values():
            if session.user is user and session.id != keep:
                self.end(session.id)
        user.last_end_of_all_by = by

    def is_stored(self, session_id: UUID) -> bool:
        """Tell whether the session is stored and within both deadlines."""
        stored = self.stored.get(session_id)
        deadline = self.sessions[session_id].absolute_deadline
        return stored is not None and self.clock() < min(stored.idle_deadline, deadline)

    def is_alive(self, session_id: UUID) -> bool:
        """Tell whether whoever holds its tokens may go on."""
        return self.is_stored(session_id) and not self.sessions[session_id].ended

    def is_in_doubt(self, session_id: UUID) -> bool:
        """Tell whether a failover brought it back although it has ended."""
        return self.is_stored(session_id) and self.sessions[session_id].ended

    def is_near_a_deadline(self, margin: timedelta) -> bool:
        """Tell whether a moment more or less would change an answer."""
        now = self.clock()
        moments = [session.absolute_deadline for session in self.sessions.values()]
        moments += [stored.idle_deadline for stored in self.stored.values()]
        moments += [stored.rotated_at + self.lifetimes.grace for stored in self.stored.values()]
        return any(abs(moment - now) <= margin for moment in moments)
