"""Replace the signing key before its time: what an operator does."""

from dataclasses import dataclass
from datetime import datetime

from authsvc.audit.event import OPERATOR
from authsvc.kit.clock import Clock
from authsvc.tokens.key_schedule import KeySchedule
from authsvc.tokens.signing_keys import Algorithm
from authsvc.tokens.store import SigningKeyStore


@dataclass(frozen=True, slots=True)
class RotateSigningKey:
    """Publishes the next key; every instance starts to sign with it by itself when its time comes."""

    signing_keys: SigningKeyStore
    schedule: KeySchedule
    algorithm: Algorithm
    clock: Clock

    async def __call__(self) -> datetime | None:
        """Return when the new key begins to sign; None if one is waiting for its turn already."""
        lead = self.schedule.publish_lead
        key = await self.signing_keys.rotate(self.algorithm, self.clock(), lead, origin=OPERATOR)
        return None if key is None else key.active_from
