"""Log out: end this session, the user's others, or all of them."""

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from authsvc.audit.event import EventName, Origin
from authsvc.errors import (
    InvalidRefreshToken,
    InvalidToken,
    NeitherTokenGenuine,
    NotAuthenticated,
    SessionEnded,
)
from authsvc.flows.client import Caller, Client, origin
from authsvc.kit.clock import Clock
from authsvc.kit.shielded import to_the_end
from authsvc.sessions.refresh_token import RefreshTokenSigner
from authsvc.sessions.store import SessionStore
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.users.store import UserStore


class Scope(Enum):
    """Which sessions end."""

    CURRENT = "current"
    OTHERS = "others"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class LogOut:
    """Durable in Postgres first, then gone from Redis, then answered: what was answered is never undone."""

    access_tokens: AccessTokenIssuer
    refresh_tokens: RefreshTokenSigner
    users: UserStore
    sessions: SessionStore
    session_ttl: timedelta
    clock: Clock

    async def __call__(
        self,
        access_token: str | None,
        refresh_token: str | None,
        scope: Scope,
        client: Client | None = None,
    ) -> None:
        """End sessions; to end the current one twice is fine.

        Either token will do: the refresh token (of any generation) where the access token has expired. An
        access token still ends its own session for an hour after that, and nobody else's.

        Raises:
            NotAuthenticated: neither was sent.
            NeitherTokenGenuine: neither that was sent is ours, or still counts.
            SessionEnded: only a live session may end others, and this one is over.

        """
        caller = self._caller(access_token, refresh_token, scope)
        if scope is Scope.CURRENT:
            await to_the_end(self._end_one(caller, origin(client)))
        else:
            await to_the_end(self._end_many(caller, origin(client), keep_current=scope is Scope.OTHERS))

    def _caller(self, access_token: str | None, refresh_token: str | None, scope: Scope) -> Caller:
        if access_token is None and refresh_token is None:
            raise NotAuthenticated
        if access_token is not None:
            own = scope is Scope.CURRENT
            verify = self.access_tokens.verify_genuine if own else self.access_tokens.verify
            with contextlib.suppress(InvalidToken):
                claims = verify(access_token)
                return Caller(claims.user_id, claims.session_id)
        if refresh_token is not None:
            with contextlib.suppress(InvalidRefreshToken):
                token = self.refresh_tokens.verify(refresh_token)
                return Caller(token.user_id, token.session_id)
        raise NeitherTokenGenuine

    async def _end_one(self, caller: Caller, asked: Origin) -> None:
        until = self.clock() + self.session_ttl
        why = EventName.LOGGED_OUT
        await self.users.end_session(caller.user_id, caller.session_id, until, why=why, origin=asked)
        await self.sessions.end(caller.user_id, caller.session_id)

    async def _end_many(self, caller: Caller, asked: Origin, *, keep_current: bool) -> None:
        look_up = await self.sessions.look_up(caller.user_id, caller.session_id)
        standing = await self.users.find_standing(caller.user_id, caller.session_id)
        if standing is not None and standing.ended_all and not keep_current:
            epoch = standing.session_epoch  # a retry: what was asked for has been done, durably at least
        elif standing is None or look_up.epoch is None or not standing.admits(look_up.epoch):
            raise SessionEnded
        else:
            moved = await self.users.end_all_sessions(
                caller.user_id, by=caller.session_id, keep=keep_current, origin=asked
            )
            if moved is None:
                raise SessionEnded
            epoch = moved
        keep = caller.session_id if keep_current else None
        await self.sessions.end_all(caller.user_id, epoch=epoch, keep=keep)
