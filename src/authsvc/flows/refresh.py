"""Trade a refresh token for its successor and a new access token."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from authsvc.audit.event import EventName
from authsvc.errors import RefreshSessionEnded, RefreshTokenReused, RefreshTokenUnknown
from authsvc.flows.client import Client, origin
from authsvc.flows.issue_tokens import IssueTokens, TokenPair
from authsvc.kit.clock import Clock
from authsvc.kit.shielded import to_the_end
from authsvc.sessions.refresh_token import RefreshToken, RefreshTokenSigner
from authsvc.sessions.session import Refusal, Rotation
from authsvc.sessions.store import SessionStore
from authsvc.users.store import UserStore

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refresh:
    """The tag first, without I/O; then what was durably revoked; then one atomic step."""

    refresh_tokens: RefreshTokenSigner
    users: UserStore
    sessions: SessionStore
    issue_tokens: IssueTokens
    session_ttl: timedelta
    clock: Clock

    async def __call__(self, refresh_token: str, client: Client | None = None) -> TokenPair:
        """Return the successor; the same one for a retry within the grace window.

        Raises:
            ForgedRefreshToken: nothing changed.
            RefreshSessionEnded: the session was over; if Redis did not know it yet, it does now.
            RefreshTokenReused, RefreshTokenUnknown: the session was ended.

        """
        token = self.refresh_tokens.verify(refresh_token)
        self.issue_tokens.require_key()
        return await to_the_end(self._present(token, client))

    async def _present(self, token: RefreshToken, client: Client | None) -> TokenPair:
        standing = await self.users.find_standing(token.user_id, token.session_id)
        if standing is None or not standing.is_active or standing.ended:
            # Its end is durable; Redis may have lost it in a failover, or not heard of it yet.
            await self.sessions.end(token.user_id, token.session_id)
            raise RefreshSessionEnded
        match await self.sessions.rotate(token, required_epoch=standing.required_epoch):
            case Rotation() as rotation:
                return self.issue_tokens(
                    token.at_generation(rotation.generation),
                    auth_time=rotation.created_at,
                    amr=rotation.amr,
                    session_expires_in=rotation.expires_in,
                )
            case Refusal.ENDED:
                raise RefreshSessionEnded
            case Refusal.REUSED:
                await self._make_end_durable(token, EventName.REFRESH_REUSE, client)
                raise RefreshTokenReused
            case Refusal.AHEAD:
                await self._make_end_durable(token, EventName.REFRESH_AHEAD, client)
                raise RefreshTokenUnknown

    async def _make_end_durable(self, token: RefreshToken, why: EventName, client: Client | None) -> None:
        _log.warning(why.value, user_id=str(token.user_id), session_id=str(token.session_id))
        until = self.clock() + self.session_ttl
        asked = origin(client)
        await self.users.end_session(token.user_id, token.session_id, until, why=why, origin=asked)
