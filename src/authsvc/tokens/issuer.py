"""Access tokens: JWS compact, typ ``at+jwt`` (RFC 9068), signed with the keys of the `KeyRing`."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

from authsvc.errors import InvalidToken
from authsvc.kit.clock import Clock
from authsvc.tokens import base64url
from authsvc.tokens.claims import (
    AccessClaims,
    ClaimRules,
    claims_template,
    encode_claims,
    parse_claims,
)
from authsvc.tokens.envelope import decode_segment, parse_header, split
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.key_schedule import LOG_OUT_GRACE
from authsvc.tokens.remembered import Remembered, RememberedTokens

MAX_TTL = timedelta(minutes=15)
"""Others who check tokens cannot know that a session ended, so tokens are short-lived."""


class AccessTokenIssuer:
    """Issues access tokens and recognises them. No I/O; `Outage` while the key ring knows no keys.

    ValueError unless ``ttl`` is whole seconds, above 0 and at most `MAX_TTL`.
    """

    def __init__(
        self,
        key_ring: KeyRing,
        *,
        issuer: str,
        audience: str,
        client_id: str,
        ttl: timedelta,
        clock: Clock,
    ) -> None:
        if not timedelta(0) < ttl <= MAX_TTL or ttl.microseconds:
            raise ValueError(f"access tokens must live for whole seconds, at most {MAX_TTL}")
        self.ttl = ttl
        self._key_ring = key_ring
        self._rules = ClaimRules(issuer, audience, client_id, ttl)
        self._template = claims_template(self._rules)
        self._clock = clock
        self._remembered = RememberedTokens()

    def require_key(self) -> None:
        """Return if a token could be issued now. `Outage` while the key ring knows no keys."""
        self._key_ring.signing_key(self._clock())

    def issue(self, user_id: UUID, session_id: UUID, auth_time: datetime, amr: tuple[str, ...]) -> str:
        """Return a token that is valid from now on. ``amr`` is one to eight short words (RFC 8176)."""
        now = self._clock().astimezone(UTC)
        issued_at = now.replace(microsecond=0)
        claims = AccessClaims(
            user_id=user_id,
            session_id=session_id,
            token_id=secrets.token_urlsafe(16),
            issued_at=issued_at,
            expires_at=issued_at + self._rules.ttl,
            auth_time=min(auth_time, issued_at),  # it may come from a clock that is ahead of this one
            amr=amr,
        )
        key = self._key_ring.signing_key(now)
        signing_input = key.jws_header + b"." + base64url.encode(encode_claims(claims, self._template))
        return (signing_input + b"." + base64url.encode(key.sign(signing_input))).decode("ascii")

    def verify(self, token: str) -> AccessClaims:
        """Return what ``token`` says. `InvalidToken` unless it is genuine and not expired.

        The signature is checked once; that its key is still accepted, and the token timely, at every use.
        """
        now = self._clock()
        known = self._remembered.find(token)
        if known is not None:
            if known.is_timely(now) and self._key_ring.find(known.kid, now) is not None:
                return known.claims
            self._remembered.forget(token)
        verified = self._read(token, now, timedelta(0))
        self._remembered.keep(token, verified)
        return verified.claims

    def verify_genuine(self, token: str) -> AccessClaims:
        """Like `verify`, but a token counts for `LOG_OUT_GRACE` after its expiry.

        Only for log-out: an expired token still proves whose session is to end.
        """
        return self._read(token, self._clock(), LOG_OUT_GRACE).claims

    def _read(self, token: str, now: datetime, expired_for: timedelta) -> Remembered:
        parts = split(token)
        header = parse_header(parts.header)
        payload, signature = decode_segment(parts.payload), decode_segment(parts.signature)
        key = self._key_ring.find(header.kid, now)
        if key is None or header.algorithm != key.algorithm:
            raise InvalidToken("The access token is not signed with a key of this service")
        if not key.has_signed(parts.signing_input, signature):
            raise InvalidToken("The signature of the access token is not valid")
        return Remembered(parse_claims(payload, self._rules, now, expired_for=expired_for), header.kid)
