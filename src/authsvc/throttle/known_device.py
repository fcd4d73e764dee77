"""The device token: by it a browser or a program that logged in before is known again. Pure; no I/O.

On the wire: ``dt1_`` and 100 base64url characters (RFC 4648, section 5) of

    key id 3 B | user id 16 B | device id 16 B | epoch 4 B | expires at 4 B (seconds since 1970) | tag 32 B

The tag is an HMAC-SHA-256 (RFC 2104) over everything before it, ``dt1_`` included, with a key of its own.
The token proves nothing about who somebody is: it decides in which bucket a wrong password counts.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from authsvc.kit.clock import Clock
from authsvc.kit.key_derivation import derive_key

_SCHEME = b"dt1_"
_SHAPE = re.compile(r"dt1_[A-Za-z0-9_-]{100}", re.ASCII)
_TAG_LENGTH = 32
_KEY_ID_LENGTH = 3


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device on which this user logged in. ``epoch`` is the user's session epoch of that time."""

    user_id: UUID
    device_id: UUID
    epoch: int

    def belongs_to(self, user_id: UUID, epoch: int) -> bool:
        """Whether it is still known: no end of all sessions has come since, and so no new password."""
        return (self.user_id, self.epoch) == (user_id, epoch)


class DeviceTokenSigner:
    """Turns known devices into text and back. ``ttl`` is how long a device stays known without a login.

    ``previous_secret`` is the service's secret before its last change: what it signed is still accepted.
    """

    def __init__(self, secret: bytes, previous_secret: bytes | None, *, ttl: timedelta, clock: Clock) -> None:
        self._key_id, self._key = _derive(secret)
        self._keys = {self._key_id: self._key}
        if previous_secret is not None:
            self._keys = dict([_derive(previous_secret)]) | self._keys
        self._ttl = ttl
        self._clock = clock

    def sign(self, device: KnownDevice) -> str:
        """Return the text of ``device``, good for ``ttl`` from now."""
        payload = b"".join(
            (
                self._key_id,
                device.user_id.bytes,
                device.device_id.bytes,
                device.epoch.to_bytes(4, "big"),
                int((self._clock() + self._ttl).timestamp()).to_bytes(4, "big"),
            )
        )
        tag = hmac.digest(self._key, _SCHEME + payload, hashlib.sha256)
        return (_SCHEME + urlsafe_b64encode(payload + tag)).decode()

    def verify(self, text: str) -> KnownDevice | None:
        """Return the device that ``text`` stands for; None if it is malformed, forged or too old."""
        if not _SHAPE.fullmatch(text):
            return None
        raw = urlsafe_b64decode(text[len(_SCHEME) :])
        payload, tag = raw[:-_TAG_LENGTH], raw[-_TAG_LENGTH:]
        key = self._keys.get(payload[:_KEY_ID_LENGTH])
        if key is None or not hmac.compare_digest(hmac.digest(key, _SCHEME + payload, hashlib.sha256), tag):
            return None
        if self._clock().timestamp() >= int.from_bytes(payload[39:43], "big"):
            return None
        return KnownDevice(
            user_id=UUID(bytes=payload[3:19]),
            device_id=UUID(bytes=payload[19:35]),
            epoch=int.from_bytes(payload[35:39], "big"),
        )


def _derive(secret: bytes) -> tuple[bytes, bytes]:
    key = derive_key(secret, "authsvc device tokens")
    return derive_key(key, "authsvc device tokens, key id", length=_KEY_ID_LENGTH), key
