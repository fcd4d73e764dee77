"""List what the ledger holds: what an operator or an auditor does."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from authsvc.audit.event import RecordedEvent, Wanted
from authsvc.audit.store import AuditStore


@dataclass(frozen=True, slots=True)
class ListEvents:
    """The oldest first, page by page: the ledger may be larger than memory."""

    audit: AuditStore

    async def __call__(self, wanted: Wanted) -> AsyncIterator[RecordedEvent]:
        """Yield every event that is wanted."""
        after = 0
        while page := await self.audit.find(wanted, after=after):
            for event in page:
                yield event
            after = page[-1].id
