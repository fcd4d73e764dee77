"""Find the live session that an access token belongs to: what nearly every request begins with."""

from dataclasses import dataclass, replace
from uuid import UUID

from authsvc.errors import NotAuthenticated, SessionEnded
from authsvc.flows.client import Caller
from authsvc.sessions.continuity import Continuity
from authsvc.sessions.session import LookUp
from authsvc.sessions.store import SessionStore
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.users.store import UserStore


@dataclass(frozen=True, slots=True)
class FindSession:
    """One round trip to Redis, so that a log-out counts at once and everywhere.

    The database is asked too for a while after a Redis server appeared that may have lost a log-out.
    """

    access_tokens: AccessTokenIssuer
    sessions: SessionStore
    continuity: Continuity
    users: UserStore

    async def __call__(self, access_token: str | None) -> tuple[Caller, LookUp]:
        """Return whose session it is, and what was found with it.

        Raises:
            NotAuthenticated: no token was sent.
            InvalidToken: it is not one of ours, or expired.
            SessionEnded: its session is over.

        """
        if access_token is None:
            raise NotAuthenticated
        claims = self.access_tokens.verify(access_token)
        look_up = await self.sessions.look_up(claims.user_id, claims.session_id)
        if look_up.epoch is None:
            raise SessionEnded
        if await self.continuity.is_in_doubt():
            await self._confirm(claims.user_id, claims.session_id, look_up.epoch)
            look_up = replace(look_up, record=None)  # it may be an old one that came back
        return Caller(claims.user_id, claims.session_id), look_up

    async def _confirm(self, user_id: UUID, session_id: UUID, epoch: int) -> None:
        standing = await self.users.find_standing(user_id, session_id)
        if standing is None or not standing.admits(epoch):
            await self.sessions.end(user_id, session_id)
            raise SessionEnded
