"""End one of one's own sessions."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from authsvc.audit.event import EventName
from authsvc.errors import SessionNotFound
from authsvc.flows.client import Caller, Client, origin
from authsvc.kit.clock import Clock
from authsvc.kit.shielded import to_the_end
from authsvc.sessions.store import SessionStore
from authsvc.users.store import UserStore


@dataclass(frozen=True, slots=True)
class EndSession:
    """Durable in Postgres first, then gone from Redis, then answered."""

    users: UserStore
    sessions: SessionStore
    session_ttl: timedelta
    clock: Clock

    async def __call__(self, caller: Caller, session_id: UUID, client: Client | None = None) -> None:
        """End the caller's session ``session_id``.

        Raises:
            SessionNotFound: no live session of the caller's has this id.

        """
        look_up = await self.sessions.look_up(caller.user_id, session_id)
        if not look_up.alive:
            raise SessionNotFound
        await to_the_end(self._end(caller.user_id, session_id, client))

    async def _end(self, user_id: UUID, session_id: UUID, client: Client | None) -> None:
        until = self.clock() + self.session_ttl
        why = EventName.SESSION_REVOKED
        await self.users.end_session(user_id, session_id, until, why=why, origin=origin(client))
        await self.sessions.end(user_id, session_id)
