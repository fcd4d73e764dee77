"""Issue the pair of tokens that a login and a refresh answer with."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from authsvc.sessions.refresh_token import RefreshToken, RefreshTokenSigner
from authsvc.tokens.issuer import AccessTokenIssuer


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What RFC 6749, section 5.1, calls a successful response; the lifetimes count from now."""

    access_token: str = field(repr=False)
    expires_in: timedelta
    refresh_token: str = field(repr=False)
    refresh_expires_in: timedelta
    session_id: UUID
    device_token: str | None = field(default=None, repr=False)
    """By this the client is known at its next login; only a login gives one."""


@dataclass(frozen=True, slots=True)
class IssueTokens:
    """Signs; touches no store."""

    access_tokens: AccessTokenIssuer
    refresh_tokens: RefreshTokenSigner

    def require_key(self) -> None:
        """Raise `Outage` if nothing could be signed now: better before a session changes than after."""
        self.access_tokens.require_key()

    def __call__(
        self, token: RefreshToken, *, auth_time: datetime, amr: tuple[str, ...], session_expires_in: timedelta
    ) -> TokenPair:
        """Return both tokens; ``auth_time`` is when the user proved who it is (RFC 9068, section 2.2.1)."""
        return TokenPair(
            access_token=self.access_tokens.issue(token.user_id, token.session_id, auth_time, amr),
            expires_in=self.access_tokens.ttl,
            refresh_token=self.refresh_tokens.sign(token),
            refresh_expires_in=session_expires_in,
            session_id=token.session_id,
        )
