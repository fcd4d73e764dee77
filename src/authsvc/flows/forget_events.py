"""Forget events of the ledger that are older than they must be kept."""

from dataclasses import dataclass
from datetime import timedelta

from authsvc.audit.store import AuditStore
from authsvc.kit.clock import Clock

_MOST = 100
"""Batches at a time: whoever has more to forget goes on the next time."""


@dataclass(frozen=True, slots=True)
class ForgetEvents:
    """In small steps, so that nobody waits for it. Does nothing for a role that may not: see `may_forget`."""

    audit: AuditStore
    ttl: timedelta
    clock: Clock

    async def __call__(self) -> int | None:
        """Return how many were forgotten; None if the database's role may not delete any."""
        if not await self.audit.may_forget():
            return None
        forgotten = 0
        for _ in range(_MOST):
            number = await self.audit.forget_before(self.clock() - self.ttl)
            if not number:
                break
            forgotten += number
        return forgotten
