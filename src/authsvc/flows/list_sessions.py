"""List one's own sessions."""

from dataclasses import dataclass

from authsvc.flows.client import Caller
from authsvc.sessions.session import Session
from authsvc.sessions.store import SessionStore


@dataclass(frozen=True, slots=True)
class ListSessions:
    """Only live ones, the oldest first."""

    sessions: SessionStore

    async def __call__(self, caller: Caller) -> list[Session]:
        """Return the caller's sessions."""
        return await self.sessions.list(caller.user_id)
