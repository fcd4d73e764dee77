"""One fault after the other, under load, each judged by what twenty users saw."""

import asyncio
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from types import SimpleNamespace
from typing import Any

from tests.faults.fault import Fault
from tests.faults.processes import descriptors, memory
from tests.faults.resident import Resident
from tests.faults.stack import POOL, WORKERS, Stack
from tests.faults.watching import HASHES, SILENT, Log, Seen, WatchedInstance
from tests.races.checker import judge
from tests.races.history import History, Kind, Outcome

from authsvc.kit.redis import RedisClient

USERS = 20
LONGEST_RECOVERY = 5.0
"""Seconds from the end of the cause until nothing fails any more."""

_GROWTH = 48 * 1024 * 1024
_MORE_DESCRIPTORS = 30
_JUDGED = {"S1", "S2", "S3", "S4", "S5", "S7", "S9", "LIN"}
_LOST = {"S1", "S4", "S9"}


@dataclass(frozen=True)
class Timing:
    """How long each part lasts, in seconds."""

    quiet: float = 1.0
    fault: float = 3.0
    after: float = 1.0


@dataclass
class Resources:
    """What the service holds while nothing happens."""

    redis_connections: int
    database_connections: int
    descriptors: dict[int, int]
    memory: dict[int, int]


@dataclass
class Result:
    """What one fault did."""

    name: str
    sentence: str
    requests: int = 0
    refused: int = 0
    silent: int = 0
    quiet_refusals: int = 0
    worst_status: int = 200
    slowest_503: float = 0.0
    slowest_503_hashing: float = 0.0
    recovery: float = 0.0
    checks: int = 0
    lost_writes: int = 0
    late_503: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    resources: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.violations and not self.late_503

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Campaign:
    """Twenty users, who stay the same through all faults."""

    def __init__(
        self, stack: Stack, *, seed: int = 1, users: int = USERS, timing: Timing | None = None
    ) -> None:
        self._stack = stack
        self._timing = timing or Timing()
        self._log = Log()
        self._redis = RedisClient.connect(
            f"redis://127.0.0.1:{stack.valkey.port}/0", timeout=5, max_connections=4
        )
        self._instance = WatchedInstance(stack.port, self._log)
        service = SimpleNamespace(instances=(self._instance, self._instance), redis=self._redis)
        self._residents = [Resident(service, self._log, seed * 1000 + number) for number in range(users)]
        self._settled = False

    async def close(self) -> None:
        """Close what it holds itself."""
        await self._instance.close()
        await self._redis.close()

    async def run(self, fault: Fault) -> Result:
        """Let the fault happen; return what was seen."""
        began = time.monotonic()
        result = Result(fault.name, fault.sentence)
        if fault.needs_world != self._stack.special:
            await self._instance.close()  # its connections are those of the processes that stop now
            await self._stack.stop_service()
            await self._stack.start_service(special=fault.needs_world)
        history = self._begin(fault)
        if not self._settled:
            for each in self._residents:  # one after the other: hashes are what a machine has fewest of
                await each.settle()
            self._settled = True
        for each in self._residents:
            await each.come()
        before = await self._resources()
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as users:
            for each in self._residents:
                users.create_task(each.live_on(stop))
            await asyncio.sleep(self._timing.quiet)
            result.quiet_refusals = sum(each.has_failed for each in self._log.seen)
            injected = time.monotonic()
            self._let_sessions_vanish(fault)
            await fault.inject(self._stack)
            await asyncio.sleep(max(0.0, injected + self._timing.fault - time.monotonic()))
            await fault.heal(self._stack)
            healed = time.monotonic()
            self._let_sessions_vanish(fault)
            await self._await_calm(healed)
            stop.set()
        result.recovery = _recovery(self._log.seen, healed)
        self._log.silence_is_allowed = False
        for each in self._residents:
            await each.take_stock()
        await self._check_writes(result)
        await self._judge(history, result)
        await self._compare(before, fault, result)
        self._sum_up(result)
        result.seconds = time.monotonic() - began
        return result

    def _begin(self, fault: Fault) -> History:
        self._log = self._instance.log = Log(
            silence_is_allowed=fault.silence_is_allowed, lateness_is_allowed=fault.lateness_is_allowed
        )
        history = History()
        for each in self._residents:
            each.begin(history, self._log)
            each.clock_lies = fault.clock_lies
            each.sessions_may_vanish = False
        return history

    def _let_sessions_vanish(self, fault: Fault) -> None:
        if fault.sessions_may_vanish:
            for each in self._residents:
                each.let_sessions_vanish()

    async def _await_calm(self, healed: float) -> None:
        """Return when nothing has failed for a while, or it takes too long."""
        while True:
            await asyncio.sleep(0.1)
            now = time.monotonic()
            last = max((each.ended for each in self._log.seen if each.has_failed), default=0.0)
            if now - max(last, healed) >= self._timing.after or now - healed > LONGEST_RECOVERY + 3:
                return

    async def _check_writes(self, result: Result) -> None:
        """Look into the database for all that was acknowledged, ever."""
        rows = await self._stack.sql("SELECT username_key, name FROM users")
        stored = {row["username_key"]: row["name"] for row in rows}
        for each in self._residents:
            for name in each.promised:
                result.checks += 1
                if name not in stored:
                    result.lost_writes += 1
                    self._log.accuse(f"POST /register: {name} was acknowledged, and is not there")
            result.checks += 1
            if stored.get(each.name) not in each.names:
                result.lost_writes += 1
                self._log.accuse(
                    f"PATCH /user: {each.names} was acknowledged, {stored.get(each.name)!r} is there"
                )
            each.names = [stored.get(each.name)]

    async def _judge(self, history: History, result: Result) -> None:
        for verdict in await asyncio.to_thread(judge, thinned(history), limit=10**6):
            if verdict.name in _JUDGED:
                result.checks += verdict.checks
                for each in verdict.violations:
                    self._log.accuse(f"{verdict.name}, {verdict.promise}: {each[:1500]}")
                if verdict.name in _LOST:
                    result.lost_writes += len(verdict.violations)

    async def _resources(self) -> Resources:
        clients = await self._stack.redis("CLIENT", "LIST")
        listed = clients if isinstance(clients, list) else str(clients).splitlines()
        rows = await self._stack.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'authsvc'"
        )
        pids = self._stack.workers
        return Resources(
            len(listed),
            rows[0][0],
            {pid: descriptors(pid) for pid in pids},
            {pid: memory(pid) for pid in pids},
        )

    async def _compare(self, before: Resources, fault: Fault, result: Result) -> None:
        """Let what is on its way out go; then compare."""
        found: list[str] = []
        for _ in range(40):
            now = await self._resources()
            found = _grown(before, now)
            if not found:
                break
            await asyncio.sleep(0.15)
        for each in found:
            self._log.accuse(f"afterwards: {each}")
        result.resources = (
            f"redis {before.redis_connections} → {now.redis_connections}, "
            f"postgres {before.database_connections} → {now.database_connections}, "
            f"descriptors {sum(before.descriptors.values())} → {sum(now.descriptors.values())}, "
            f"MiB {sum(before.memory.values()) >> 20} → {sum(now.memory.values()) >> 20}"
        )

    def _sum_up(self, result: Result) -> None:
        seen = self._log.seen
        result.requests = len(seen)
        result.refused = sum(each.status == 503 for each in seen)
        result.silent = sum(each.status == SILENT for each in seen)
        for each in seen:
            key = f"{each.status} {each.code}".strip()
            result.statuses[key] = result.statuses.get(key, 0) + 1
        result.worst_status = SILENT if result.silent else max((each.status for each in seen), default=0)
        refusals = [(each.path in HASHES, each.ended - each.invoked) for each in seen if each.status == 503]
        result.slowest_503 = max((seconds for hashes, seconds in refusals if not hashes), default=0.0)
        result.slowest_503_hashing = max((seconds for hashes, seconds in refusals if hashes), default=0.0)
        if result.recovery > LONGEST_RECOVERY:
            self._log.accuse(
                f"afterwards: requests still failed {result.recovery:.1f} s after the cause was gone"
            )
        result.late_503 = self._log.late
        result.violations = self._log.violations


def thinned(history: History) -> History:
    """Leave out operations of unknown fate that can explain nothing which the others do not.

    A refresh token has at most two effects, whenever it arrives: it rotates, or, reused, it ends
    the session. To end a session has one. What may happen late may stand for all that were sent after it.
    """
    kept = History(acts=history.acts, rows=history.rows)
    for operations in history.operations.values():
        unknown: Counter[tuple[Kind, int]] = Counter()
        for each in sorted(operations, key=lambda one: one.invoked):
            if each.outcome is Outcome.UNKNOWN:
                unknown[each.kind, each.generation] += 1
                if unknown[each.kind, each.generation] > (2 if each.kind is Kind.REFRESH else 1):
                    continue
            kept.note(each)
    return kept


def _recovery(seen: list[Seen], healed: float) -> float:
    failed = [each.ended for each in seen if each.invoked > healed and each.has_failed]
    return max(failed, default=healed) - healed


def _grown(before: Resources, now: Resources) -> list[str]:
    """Return what is more than it was. Pools may fill, but not beyond what they may."""
    found = []
    if now.redis_connections > before.redis_connections + 1:
        found.append(f"{now.redis_connections} connections to Redis, {before.redis_connections} before")
    if now.database_connections > WORKERS * POOL + 1:
        found.append(f"{now.database_connections} connections to PostgreSQL, of {WORKERS * POOL} allowed")
    for pid in now.descriptors.keys() & before.descriptors.keys():
        if now.descriptors[pid] > before.descriptors[pid] + _MORE_DESCRIPTORS:
            found.append(f"{now.descriptors[pid]} descriptors in a worker, {before.descriptors[pid]} before")
        if now.memory[pid] > before.memory[pid] + _GROWTH:
            found.append(f"{now.memory[pid] >> 20} MiB in a worker, {before.memory[pid] >> 20} before")
    return found
