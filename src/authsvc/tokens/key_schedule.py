"""When a signing key does what. Everything here follows from times, so all instances agree.

created_at            active_from           successor's active_from     + retire_after
    |---- published ------|---- signs -----------|---- still accepted -------|  gone
    (nobody uses it yet)                          (tokens run out)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from authsvc.tokens.claims import LEEWAY
from authsvc.tokens.signing_keys import SigningKey

LOG_OUT_GRACE = timedelta(hours=1)
"""How long after its expiry an access token still proves whose session is to be ended by a log-out."""

_SLACK = timedelta(minutes=1)
"""For clocks of instances that differ, and for requests under way."""


@dataclass(frozen=True, slots=True)
class KeySchedule:
    """How often keys change, and how long every stage lasts.

    ``poll_interval`` is how often instances refresh their `KeyRing`; ``jwks_max_age`` how long others may
    keep the published set. ValueError when a key would be replaced before its stages are over.
    """

    access_token_ttl: timedelta
    poll_interval: timedelta = timedelta(minutes=1)
    jwks_max_age: timedelta = timedelta(minutes=5)
    rotation_interval: timedelta = timedelta(days=30)

    def __post_init__(self) -> None:
        if self.rotation_interval < self.publish_lead + self.retire_after:
            raise ValueError(
                f"keys must stay for at least {self.publish_lead + self.retire_after} before they are rotated"
            )

    @property
    def publish_lead(self) -> timedelta:
        """How long a new key is published before it signs.

        Everybody has seen it by then: every instance (one failed poll is forgiven) and every cache.
        """
        return 2 * self.poll_interval + self.jwks_max_age + _SLACK

    @property
    def retire_after(self) -> timedelta:
        """How long a key is accepted after its successor began to sign: until its last token is worthless.

        An instance that missed the successor for lack of a database cannot sign meanwhile: no session is
        started or refreshed without one.
        """
        return self.access_token_ttl + LEEWAY + LOG_OUT_GRACE + _SLACK

    def retirements(self, keys: Sequence[SigningKey]) -> dict[str, datetime]:
        """Return when each of ``keys`` is no longer accepted, by kid; the last key is absent."""
        ordered = in_order(keys)
        return {key.kid: successor.active_from + self.retire_after for key, successor in pairwise(ordered)}

    def retired(self, keys: Sequence[SigningKey], now: datetime) -> set[str]:
        """Return the kids of those of ``keys`` that nobody needs any more."""
        return {kid for kid, retires_at in self.retirements(keys).items() if retires_at <= now}

    def is_rotation_due(self, keys: Sequence[SigningKey], now: datetime) -> bool:
        """Whether the signing key is old, and no successor has been published yet."""
        newest = in_order(keys)[-1]
        return newest.active_from + self.rotation_interval <= now


def in_order(keys: Sequence[SigningKey]) -> list[SigningKey]:
    """Return ``keys`` in the order in which they sign."""
    return sorted(keys, key=lambda key: (key.active_from, key.created_at, key.kid))


def signing_key(keys: Sequence[SigningKey], now: datetime) -> SigningKey:
    """Return the key that signs at ``now``: the last one whose time has come.

    ``keys`` are in order, at least one. The very first key signs at once, also for an instance
    whose clock is behind its creator's.
    """
    return next((key for key in reversed(keys) if key.active_from <= now), keys[0])
