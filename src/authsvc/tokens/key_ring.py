"""The signing keys at hand, in memory: no request waits for a database to sign or to verify."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from authsvc.kit.clock import Clock
from authsvc.kit.outage import Outage
from authsvc.tokens.key_schedule import KeySchedule, in_order, signing_key
from authsvc.tokens.signing_keys import Algorithm, SigningKey
from authsvc.tokens.store import SigningKeyStore


@dataclass(frozen=True, slots=True)
class PublicKeySet:
    """A JWK Set (RFC 7517, section 5) ready to send: JSON, and its strong entity tag with the quotes."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _View:
    """The keys as of one refresh, in the order in which they sign."""

    keys: tuple[SigningKey, ...]
    by_kid: dict[str, SigningKey]
    retirements: dict[str, datetime]

    def accepts(self, kid: str, now: datetime) -> bool:
        retires_at = self.retirements.get(kid)
        return retires_at is None or now < retires_at


class KeyRing:
    """Knows the keys as of the last `refresh`, which somebody calls at start and every ``poll_interval``.

    Until the first one succeeded, whatever needs a key raises `Outage`: not knowing is no reason to refuse a
    token. A later one that fails leaves what is known in place.
    """

    def __init__(
        self, store: SigningKeyStore, *, algorithm: Algorithm, schedule: KeySchedule, clock: Clock
    ) -> None:
        self._store = store
        self._algorithm = algorithm
        self._schedule = schedule
        self._clock = clock
        self._view: _View | None = None
        self._published: tuple[tuple[str, ...], PublicKeySet] | None = None

    async def refresh(self) -> None:
        """Read the keys, and do what the schedule asks for: begin, rotate, forget.

        The first refresh also begins a change of the configured algorithm; later ones do not, so that
        instances which differ in that setting during an update do not outbid each other.
        `Outage` or `SigningKeyError` when the keys cannot be read.
        """
        now = self._clock()
        keys = await self._store.all()
        if await self._do_what_is_due(keys, now):
            keys = await self._store.all()
        self._learn(keys)

    async def load(self) -> bool:
        """Read the keys and change nothing; return whether there are any.

        `Outage` or `SigningKeyError` when the keys cannot be read.
        """
        keys = await self._store.all()
        if keys:
            self._learn(keys)
        return bool(keys)

    def signing_key(self, now: datetime) -> SigningKey:
        """Return the key that signs at ``now``."""
        return signing_key(self._known().keys, now)

    def find(self, kid: str, now: datetime) -> SigningKey | None:
        """Return the key ``kid`` if it is accepted at ``now``. Never asks anybody."""
        view = self._known()
        key = view.by_kid.get(kid)
        return key if key is not None and view.accepts(kid, now) else None

    def jwks(self, now: datetime) -> PublicKeySet:
        """Return the public halves of all keys that are accepted at ``now``, those still to come included."""
        view = self._known()
        published = [key for key in view.keys if view.accepts(key.kid, now)]
        kids = tuple(key.kid for key in published)
        if self._published is None or self._published[0] != kids:
            self._published = kids, _publish(published)
        return self._published[1]

    def _learn(self, keys: list[SigningKey]) -> None:
        ordered = tuple(in_order(keys))
        self._view = _View(
            keys=ordered,
            by_kid={key.kid: key for key in ordered},
            retirements=self._schedule.retirements(ordered),
        )

    def _known(self) -> _View:
        if self._view is None:
            raise Outage("database")
        return self._view

    async def _do_what_is_due(self, keys: list[SigningKey], now: datetime) -> bool:
        """Return whether anything may have changed."""
        schedule = self._schedule
        changed = False
        if not keys or (self._view is None and keys[-1].algorithm != self._algorithm):
            await self._store.ensure(self._algorithm, now, schedule.publish_lead)
            changed = True
        elif schedule.is_rotation_due(keys, now):
            await self._store.rotate(self._algorithm, now, schedule.publish_lead)
            changed = True
        if schedule.retired(keys, now):
            await self._store.forget_retired(now, schedule)
            changed = True
        return changed


def _publish(keys: list[SigningKey]) -> PublicKeySet:
    body = json.dumps({"keys": [dict(key.public_jwk) for key in keys]}, separators=(",", ":")).encode()
    tag = base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:15]).decode()
    return PublicKeySet(body, f'"{tag}"')
