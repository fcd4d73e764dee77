"""Private keys at rest: AES-256-GCM under a key derived from the service's secret."""

import secrets
from dataclasses import dataclass, field
from typing import Self, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from authsvc.kit.key_derivation import derive_key
from authsvc.tokens.signing_keys import PrivateKey, SigningKey

_VERSION = b"\x01"
_ID_SIZE = 8
_NONCE_SIZE = 12
_PREFIX_SIZE = len(_VERSION) + _ID_SIZE
_HEAD_SIZE = _PREFIX_SIZE + _NONCE_SIZE


class SigningKeyError(Exception):
    """A stored signing key cannot be used. Nothing but the operator can mend this."""


class WrongSecretKeyError(SigningKeyError):
    """The secret is not the one that a stored key was encrypted with."""

    def __init__(self, kid: str) -> None:
        super().__init__(
            f"AUTHSVC_SECRET_KEY is not the one that signing key {kid} was encrypted with. Start with that "
            "secret, or hand it in as the previous one until every signing key has been rotated."
        )


class DamagedSigningKeyError(SigningKeyError):
    """A stored key was changed by something other than this service, or its row is incomplete."""

    def __init__(self, kid: str) -> None:
        super().__init__(
            f"The row of signing key {kid} is damaged or was tampered with. Restore the table signing_keys "
            "from a backup, or delete that row: tokens signed with the key are then refused."
        )


@dataclass(frozen=True, slots=True)
class _Lock:
    """One derived key, and the id by which sealed data names it."""

    id: bytes
    aes: AESGCM = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> Self:
        return cls(
            derive_key(secret, "authsvc signing keys, id", length=_ID_SIZE),
            AESGCM(derive_key(secret, "authsvc signing keys")),
        )


class KeyCipher:
    """Seals with ``secret``; opens what was sealed with it or with ``previous``.

    Sealed: version 1 B, key id 8 B, random nonce 12 B, then AES-256-GCM of the PKCS #8 DER. The additional
    data are version, key id, kid and algorithm, so that no row can pass for another.
    """

    def __init__(self, secret: bytes, previous: bytes | None = None) -> None:
        self._current = _Lock.of(secret)
        self._locks = {self._current.id: self._current}
        if previous is not None:
            lock = _Lock.of(previous)
            self._locks[lock.id] = lock

    def seal(self, key: SigningKey) -> bytes:
        """Encrypt the private half of ``key``."""
        plain = key.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        nonce = secrets.token_bytes(_NONCE_SIZE)
        prefix = _VERSION + self._current.id
        return (
            prefix + nonce + self._current.aes.encrypt(nonce, plain, _bound(prefix, key.kid, key.algorithm))
        )

    def unseal(self, sealed: bytes, *, kid: str, algorithm: str) -> PrivateKey:
        """Decrypt. `WrongSecretKeyError` when neither secret is the one, else `DamagedSigningKeyError`."""
        prefix, nonce = sealed[:_PREFIX_SIZE], sealed[_PREFIX_SIZE:_HEAD_SIZE]
        if len(sealed) <= _HEAD_SIZE or not sealed.startswith(_VERSION):
            raise DamagedSigningKeyError(kid)
        lock = self._locks.get(prefix[len(_VERSION) :])
        if lock is None:
            raise WrongSecretKeyError(kid)
        try:
            plain = lock.aes.decrypt(nonce, sealed[_HEAD_SIZE:], _bound(prefix, kid, algorithm))
            return cast("PrivateKey", load_der_private_key(plain, password=None))
        except (InvalidTag, ValueError) as error:
            raise DamagedSigningKeyError(kid) from error


def _bound(prefix: bytes, kid: str, algorithm: str) -> bytes:
    return prefix + f"{kid} {algorithm}".encode()
