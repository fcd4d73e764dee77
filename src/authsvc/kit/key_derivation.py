"""One secret in, independent keys out: HKDF-SHA-256 (RFC 5869)."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive_key(secret: bytes, purpose: str, *, length: int = 32) -> bytes:
    """Return ``length`` bytes that depend on ``secret`` and ``purpose`` and tell nothing about either.

    Keys for different purposes are independent (RFC 5869, section 3.2: ``info`` binds the key to its use).
    ``secret`` must have the entropy of a key; it is not stretched as a password would be.
    """
    return HKDF(SHA256(), length=length, salt=None, info=purpose.encode()).derive(secret)
