"""A secret that every password is mixed with before it is hashed, and that the database does not hold. Pure.

A copy of the database alone then verifies nothing: not even the most common password can be tried (NIST SP
800-63B-4, section 3.1.1.2: a keyed hash, its key stored apart). A hash that was made with a pepper is stored
as ``pepper=<key id>`` before its PHC string; the key id tells nothing about the key.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Self

from authsvc.kit.key_derivation import derive_key

_MARK = "pepper="


@dataclass(frozen=True, slots=True)
class Pepper:
    """One key and the id that it is found by (8 hexadecimal digits)."""

    key_id: str
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> Self:
        """Derive it from a secret with the entropy of a key."""
        key = derive_key(secret, "authsvc password pepper")
        return cls(derive_key(key, "authsvc password pepper, key id", length=4).hex(), key)

    def season(self, password: bytes) -> bytes:
        """Return what is hashed in place of ``password``: HMAC-SHA-256 (RFC 2104), 32 bytes."""
        return hmac.digest(self.key, password, hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Peppers:
    """``current`` is what new hashes are made with, None: nothing. ``previous`` is accepted as well."""

    current: Pepper | None = None
    previous: Pepper | None = None

    def mark(self, phc_string: str) -> str:
        """Return what is stored for a hash that was made with the current pepper."""
        return f"{_MARK}{self.current.key_id}{phc_string}" if self.current else phc_string

    def find(self, key_id: str) -> Pepper | None:
        """Return the pepper with this id."""
        return next((one for one in (self.current, self.previous) if one and one.key_id == key_id), None)

    def is_current(self, stored: str) -> bool:
        """Whether a stored hash needs no other pepper than it has. Nothing takes a pepper away again."""
        return self.current is None or split(stored)[0] == self.current.key_id


NONE = Peppers()


def split(stored: str) -> tuple[str | None, str]:
    """Return the key id in a stored hash, None if it has none, and its PHC string."""
    if not stored.startswith(_MARK):
        return None, stored
    key_id, dollar, rest = stored.removeprefix(_MARK).partition("$")
    return key_id, dollar + rest
