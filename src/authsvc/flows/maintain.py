"""Keep house: what every instance does now and then, without anybody asking."""

from dataclasses import dataclass

import structlog

from authsvc.flows.forget_events import ForgetEvents
from authsvc.tokens.key_ring import KeyRing
from authsvc.users.store import UserStore

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Maintain:
    """All of it may be done by several instances at once, and at any time."""

    key_ring: KeyRing
    users: UserStore
    forget_events: ForgetEvents

    async def __call__(self) -> None:
        """Learn of new signing keys (and make them when they are due); forget what nobody needs any more.

        Raises:
            Outage: the database did not answer; what is known stays in use.
            SigningKeyError: the keys cannot be read with this secret.

        """
        await self.key_ring.refresh()
        forgotten = await self.users.forget_ended_sessions()
        if forgotten:
            _log.info("forgot_ended_sessions", number=forgotten)
        events = await self.forget_events()
        if events:
            _log.info("forgot_audit_events", number=events)
