"""Show a user's own public record: the road that most requests take."""

from dataclasses import dataclass

from authsvc.errors import NotAuthenticated, SessionEnded
from authsvc.sessions.session import LAST_EPOCH
from authsvc.sessions.store import SessionStore
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.users.store import UserStore
from authsvc.users.user import public_record


@dataclass(frozen=True, slots=True)
class ShowUser:
    """One round trip to Redis brings the session and the record; Postgres is asked for a missing record."""

    access_tokens: AccessTokenIssuer
    sessions: SessionStore
    users: UserStore

    async def __call__(self, access_token: str | None) -> bytes:
        """Return the record as JSON.

        Raises:
            NotAuthenticated, InvalidToken, SessionEnded: as `Authenticate` does.

        """
        if access_token is None:
            raise NotAuthenticated
        claims = self.access_tokens.verify(access_token)
        look_up = await self.sessions.look_up(claims.user_id, claims.session_id)
        if not look_up.alive:
            raise SessionEnded
        if look_up.record is not None:
            return look_up.record
        user = await self.users.find(claims.user_id)
        if user is None or not user.is_active:
            # The end of this user's sessions is durable, but did not reach Redis: make up for it.
            await self.sessions.end_all(claims.user_id, epoch=user.session_epoch if user else LAST_EPOCH)
            raise SessionEnded
        record = public_record(user)
        await self.sessions.keep_record(user.id, user.version, record)
        return record
