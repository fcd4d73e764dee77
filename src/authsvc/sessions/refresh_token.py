"""The refresh token: what a client keeps to stay signed in. Pure; no I/O.

On the wire: ``rt1_`` and 116 base64url characters (RFC 4648, section 5) of

    key id 3 B | user id 16 B | session id 16 B | session secret 16 B | generation 4 B | tag 32 B

The tag is an HMAC-SHA-256 (RFC 2104) over everything before it, ``rt1_`` included. Its key is derived
from the service's secret; the store holds only the SHA-256 of the session secret. So forging a token
takes the service's key *and* a secret that only the client holds, and garbage is told apart without I/O.
"""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from uuid import UUID

from authsvc.errors import ForgedRefreshToken
from authsvc.kit.key_derivation import derive_key

_SCHEME = b"rt1_"
_SHAPE = re.compile(r"rt1_[A-Za-z0-9_-]{116}", re.ASCII)
_TAG_LENGTH = 32
_KEY_ID_LENGTH = 3


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One generation of one session, in clear: never stored, never logged."""

    user_id: UUID
    session_id: UUID
    secret: bytes = field(repr=False)
    generation: int = 1

    @property
    def secret_digest(self) -> bytes:
        """SHA-256 of the session secret: what the store may know (32 bytes)."""
        return hashlib.sha256(self.secret).digest()

    def at_generation(self, generation: int) -> "RefreshToken":
        """Return the same session's token of another generation."""
        return RefreshToken(self.user_id, self.session_id, self.secret, generation)


def new_secret() -> bytes:
    """Return 128 random bits for a new session."""
    return secrets.token_bytes(16)


class RefreshTokenSigner:
    """Turns refresh tokens into text and back.

    ``previous_secret`` is the service's secret before its last change: tokens signed with it are still
    accepted, new ones are signed with ``secret`` only.
    """

    def __init__(self, secret: bytes, previous_secret: bytes | None = None) -> None:
        self._key_id, self._key = _derive(secret)
        self._keys = {self._key_id: self._key}
        if previous_secret is not None:
            self._keys = dict([_derive(previous_secret)]) | self._keys

    def sign(self, token: RefreshToken) -> str:
        """Return the text of ``token``. The same token always gives the same text."""
        payload = b"".join(
            (
                self._key_id,
                token.user_id.bytes,
                token.session_id.bytes,
                token.secret,
                token.generation.to_bytes(4, "big"),
            )
        )
        tag = hmac.digest(self._key, _SCHEME + payload, hashlib.sha256)
        return (_SCHEME + urlsafe_b64encode(payload + tag)).decode()

    def verify(self, text: str) -> RefreshToken:
        """Return the token that ``text`` stands for.

        Raises:
            ForgedRefreshToken: it is malformed, or its tag is not ours (compared in constant time).

        """
        if not _SHAPE.fullmatch(text):
            raise ForgedRefreshToken
        raw = urlsafe_b64decode(text[len(_SCHEME) :])
        payload, tag = raw[:-_TAG_LENGTH], raw[-_TAG_LENGTH:]
        key = self._keys.get(payload[:_KEY_ID_LENGTH])
        if key is None or not hmac.compare_digest(hmac.digest(key, _SCHEME + payload, hashlib.sha256), tag):
            raise ForgedRefreshToken
        return RefreshToken(
            user_id=UUID(bytes=payload[3:19]),
            session_id=UUID(bytes=payload[19:35]),
            secret=payload[35:51],
            generation=int.from_bytes(payload[51:55], "big"),
        )


def _derive(secret: bytes) -> tuple[bytes, bytes]:
    key = derive_key(secret, "authsvc refresh tokens")
    return derive_key(key, "authsvc refresh tokens, key id", length=_KEY_ID_LENGTH), key
