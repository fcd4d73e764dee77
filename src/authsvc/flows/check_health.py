"""Tell whether the service could do its work right now."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import structlog

from authsvc.kit.clock import Clock
from authsvc.kit.outage import Outage, reason

_log = structlog.get_logger(__name__)

ADVICE = {
    "down": "Is it running, and does its URL lead there, with the right user and password?",
    "schema_outdated": "The schema is older than this version needs. Run: authsvc migrate",
    "too_old": "This Redis is older than 6.2. Use Redis 6.2 or newer, or Valkey.",
    "unsafe_store_policy": "This Redis evicts keys when memory runs short, and would log users out at "
    "random. Set its maxmemory-policy to noeviction.",
    "no_info": "This Redis user may not call INFO, by which a failover is noticed. Allow it (ACL +info).",
    "no_scripts": "This Redis does not run Lua scripts for this user. Allow EVAL and EVALSHA "
    "(ACL +@scripting).",
    "read_only": "It takes no writes: who is signed in is recognised, but nobody can log in, and some cannot "
    "refresh. Is it a replica or a standby, was it told so (default_transaction_read_only, "
    "min-replicas-to-write), or is its disk full? Its log says which.",
    "full": "The memory of this Redis is used up, so it takes no writes: who is signed in is recognised, but "
    "nobody can log in or refresh. Raise its maxmemory; docs/capacity.md says how much a session takes.",
    "none_yet": "The first start of `authsvc serve` makes them.",
}
"""What each state but "ok" means, and what to do about it."""

Status = Literal["ok", "degraded", "unavailable", "stopping"]

_READS_ALONE = frozenset({"ok", "read_only", "full"})
"""With these states whoever is signed in is recognised, so that requests are still sent here."""
_REMIND = timedelta(minutes=1)

Probe = Callable[[], Awaitable[str]]
"""Returns "ok", or a word that says what is wrong; an `Outage` reads as "down"."""


@dataclass(frozen=True, slots=True)
class Health:
    """The state of each thing that the service depends on.

    ``causes`` says of what is "down" why: for the log and for whoever runs the service, never for an answer.
    """

    states: Mapping[str, str]
    causes: Mapping[str, str] = field(default_factory=dict)
    stopping: bool = False

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return self.status in {"ok", "degraded"}

    @property
    def status(self) -> Status:
        """All of it in a word."""
        if self.stopping:
            return "stopping"
        states = set(self.states.values())
        if states <= {"ok"}:
            return "ok"
        return "degraded" if states <= _READS_ALONE else "unavailable"


@dataclass(slots=True)
class CheckHealth:
    """Asks every dependency at once, for at most ``timeout``; asks again only after ``max_age``."""

    probes: Mapping[str, Probe]
    clock: Clock
    timeout: timedelta = timedelta(milliseconds=800)
    max_age: timedelta = timedelta(seconds=1)
    _asked: "asyncio.Task[Health] | None" = field(default=None, init=False)
    _asked_at: datetime | None = field(default=None, init=False)
    _withdrawn: bool = field(default=False, init=False)
    _told: dict[str, tuple[str, datetime]] = field(default_factory=dict, init=False)

    def withdraw(self) -> None:
        """Be unready from now on, whatever the dependencies say: the process is about to stop."""
        self._withdrawn = True

    async def __call__(self) -> Health:
        """Return what was found within ``max_age``; who comes together shares the questions."""
        if self._withdrawn:
            return Health({}, stopping=True)
        if self._asked is None or not self._is_fresh():
            self._asked = asyncio.create_task(self._ask_all())
            self._asked_at = self.clock()
        return await asyncio.shield(self._asked)

    def _is_fresh(self) -> bool:
        age = None if self._asked_at is None else self.clock() - self._asked_at
        return age is not None and timedelta(0) <= age < self.max_age

    async def _ask_all(self) -> Health:
        causes: dict[str, str] = {}
        states = await asyncio.gather(
            *(self._ask(name, probe, causes) for name, probe in self.probes.items())
        )
        found = Health(dict(zip(self.probes, states, strict=True)), causes)
        for name, state in found.states.items():
            self._tell(name, state, causes.get(name))
        return found

    async def _ask(self, name: str, probe: Probe, causes: dict[str, str]) -> str:
        asked = asyncio.ensure_future(probe())
        # Whoever is late goes on by itself, and ends by deadlines of its own: a connection that is torn
        # away while it is being made might never be given back.
        await asyncio.wait([asked], timeout=self.timeout.total_seconds())
        if not asked.done():
            asked.add_done_callback(_forget)
            causes[name] = f"no answer within {self.timeout / timedelta(milliseconds=1):.0f} ms"
            return "down"
        try:
            return asked.result()
        except Outage as outage:
            causes[name] = reason(outage)
            return "down"

    def _tell(self, name: str, state: str, cause: str | None) -> None:
        """Log what is not well when that changes, and once a minute while it lasts."""
        if state == "ok":
            if self._told.pop(name, None):
                _log.info("dependency_fit", dependency=name)
            return
        now, before = self.clock(), self._told.get(name)
        if before and before[0] == state and timedelta(0) <= now - before[1] < _REMIND:
            return
        self._told[name] = (state, now)
        if state == "down":
            _log.warning("dependency_down", dependency=name, cause=cause)
        else:
            _log.warning("dependency_unfit", dependency=name, state=state, advice=ADVICE.get(state))


def _forget(late: "asyncio.Future[str]") -> None:
    """Look at how it ended, so that nobody complains that nobody did."""
    if not late.cancelled():
        late.exception()
