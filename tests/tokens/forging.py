"""Makes tokens that the service itself would never make, and a clock that stands still."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from authsvc.tokens import base64url
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.signing_keys import SigningKey

ISSUER = "https://auth.example"
AUDIENCE = "https://api.example"
CLIENT_ID = "first-party"
TTL = timedelta(minutes=5)
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
USER = uuid.UUID("0b2f3c64-6d0b-4f0e-9a52-1f6a7c3d9e01")
SESSION = uuid.UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7")
MISSING: Any = object()


class SettableClock:
    """Shows ``now`` until somebody moves it."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


def claims(**changes: Any) -> dict[str, Any]:
    """Return valid claims as of `START`, with ``changes``; `MISSING` leaves a claim out."""
    at = int(START.timestamp())
    members = {
        "iss": ISSUER,
        "sub": str(USER),
        "aud": AUDIENCE,
        "client_id": CLIENT_ID,
        "iat": at,
        "exp": at + 300,
        "jti": "AAAAAAAAAAAAAAAAAAAAAA",
        "sid": str(SESSION),
        "auth_time": at,
        "amr": ["pwd"],
    } | changes
    return {name: value for name, value in members.items() if value is not MISSING}


def header(key: SigningKey, **changes: Any) -> dict[str, Any]:
    """Return the header of a valid token, with ``changes``."""
    members = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"} | changes
    return {name: value for name, value in members.items() if value is not MISSING}


def forge(
    key: SigningKey, head: Mapping[str, Any] | str | bytes, body: Mapping[str, Any] | str | bytes
) -> str:
    """Sign any header and any payload with a real key."""
    message = segment(head) + b"." + segment(body)
    return (message + b"." + base64url.encode(key.sign(message))).decode()


def segment(content: Mapping[str, Any] | str | bytes) -> bytes:
    if isinstance(content, Mapping):
        content = json.dumps(content)
    return base64url.encode(content.encode() if isinstance(content, str) else content)


def issuer_with(ring: KeyRing, clock: SettableClock) -> AccessTokenIssuer:
    return AccessTokenIssuer(
        ring, issuer=ISSUER, audience=AUDIENCE, client_id=CLIENT_ID, ttl=TTL, clock=clock
    )
