"""List what the ledger holds: what an operator or an auditor does."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from authsvc.audit.event import RecordedEvent, Wanted
from authsvc.audit.store import AuditStore
from authsvc.users.store import UserStore


@dataclass(frozen=True, slots=True)
class ListEvents:
    """The oldest first, page by page: the ledger may be larger than memory."""

    audit: AuditStore
    users: UserStore

    async def find_user(self, named: str) -> UUID | None:
        """Return the id of a user by username, e-mail address or id; who is gone is known by the id alone."""
        with suppress(ValueError):
            return UUID(named)
        user = await self.users.find_by_login(named)
        return None if user is None else user.id

    async def __call__(self, wanted: Wanted) -> AsyncIterator[RecordedEvent]:
        """Yield every event that is wanted."""
        after = 0
        while page := await self.audit.find(wanted, after=after):
            for event in page:
                yield event
            after = page[-1].id
