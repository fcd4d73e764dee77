"""Tell whose session an access token belongs to, if it still lives."""

from dataclasses import dataclass

from authsvc.errors import NotAuthenticated, SessionEnded
from authsvc.flows.client import Caller
from authsvc.sessions.store import SessionStore
from authsvc.tokens.issuer import AccessTokenIssuer


@dataclass(frozen=True, slots=True)
class Authenticate:
    """One round trip to Redis, so that a log-out counts at once and everywhere."""

    access_tokens: AccessTokenIssuer
    sessions: SessionStore

    async def __call__(self, access_token: str | None) -> Caller:
        """Return the caller.

        Raises:
            NotAuthenticated: no token was sent.
            InvalidToken: it is not one of ours, or expired.
            SessionEnded: its session is over.

        """
        if access_token is None:
            raise NotAuthenticated
        claims = self.access_tokens.verify(access_token)
        look_up = await self.sessions.look_up(claims.user_id, claims.session_id)
        if not look_up.alive:
            raise SessionEnded
        return Caller(claims.user_id, claims.session_id)
