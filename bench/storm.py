"""The storm: logins at ten times what can be served, while others go on working."""

import asyncio
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import targets
from asks import Asks
from findings import Finding
from load import Slice, own_generator
from pairs import Curve, ratio, reached
from plan import Plan
from servers import LOAD_CORE, Served, pinned
from world import HASHING_THREADS, World

_TIMES = 10
_FLOOD_CONNECTIONS = 512  # more than may wait, so that the flood never waits for a free one
_BEFORE = 2  # seconds: the queue is full by then
_AFTER = 0.5
_OVERLOADED = "503"
_SAMPLED = 0.02  # seconds between two looks at the memory


@dataclass(frozen=True)
class Readers:
    """One slice of the two calls that go on beside the storm."""

    user: Slice
    refresh: Slice


class Storm:
    """One server, its readers, and the flood."""

    def __init__(self, this: World, server: Served, lines: list[str], seconds: int) -> None:
        self._server = server
        self._lines = lines
        self._seconds = seconds
        self._user = Asks(this, 32, seconds).user(server)
        self._refresh = Asks(this, 16, seconds).refresh(server)
        self._capacity = Asks(this, 4, seconds).log_in(server, lines)

    def capacity(self) -> float:
        """Return how many logins a second are served when nothing else is asked."""
        return self._capacity().rate

    def readers(self) -> Readers:
        with ThreadPoolExecutor(1) as thread:
            refresh = thread.submit(self._refresh)
            return Readers(self._user(), refresh.result())

    def flooded(self, rate: float) -> tuple[Readers, dict[str, Any]]:
        """Return the same under the flood, and how the flood was answered."""
        lasts = _BEFORE + self._seconds + _AFTER
        with tempfile.TemporaryDirectory() as folder:
            listed = Path(folder, "logins")
            listed.write_text("\n".join(self._lines) + "\n", encoding="ascii")
            command = own_generator(
                self._server.port, "POST", "/login", listed,
                connections=_FLOOD_CONNECTIONS, seconds=lasts, kind="login", rate=rate,
            )  # fmt: skip
            flood = subprocess.Popen([*pinned(LOAD_CORE), *command], stdout=subprocess.PIPE, text=True)  # noqa: S603  (ours)
            try:
                time.sleep(_BEFORE)
                found = self.readers()
                told, _ = flood.communicate(timeout=60)
            finally:
                flood.kill()
                flood.wait()
        return found, json.loads(told)


async def measure(this: World, plan: Plan) -> list[Finding | Curve]:
    """Measure readers under the storm beside idle ones, what was shed, and the most memory."""
    await this.populate(plan.sessions)
    lines = await this.logins(400)
    with this.authsvc() as server:
        storm = Storm(this, server, lines, 2)
        await asyncio.to_thread(storm.readers)
        before = server.memory()
        plan.say("the storm: how many logins a second can be served")
        rate = _TIMES * await asyncio.to_thread(storm.capacity)
        plan.say(f"the storm: {rate:.0f} logins a second, readers beside it, and calm in between")
        with _peak(server) as memory:
            calm, flooded, floods = await _in_turn(storm, plan, rate)
    allowed = before + HASHING_THREADS * this.settings.argon2_memory_kib * 1024
    return [
        ratio(targets.STORM_USER, [f.user for f in flooded], [c.user for c in calm]),
        ratio(targets.STORM_P99, [f.user for f in flooded], [c.user for c in calm], "p99"),
        ratio(targets.STORM_REFRESH, [f.refresh for f in flooded], [c.refresh for c in calm]),
        reached(targets.STORM_MEMORY, [max(memory) / allowed], note=_memory(before, max(memory))),
        reached(targets.STORM_SHED, [_shed(f) * 1000 for f in floods], note=_answers(floods, server)),
    ]


async def _in_turn(
    storm: Storm, plan: Plan, rate: float
) -> tuple[list[Readers], list[Readers], list[dict[str, Any]]]:
    calm, flooded, floods = [], [], []
    for _ in range(plan.some(7, 2)):
        calm.append(await asyncio.to_thread(storm.readers))
        found, flood = await asyncio.to_thread(storm.flooded, rate)
        flooded.append(found)
        floods.append(flood)
    return calm, flooded, floods


@contextmanager
def _peak(server: Served) -> Iterator[list[float]]:
    """Give the largest memory seen so far, in bytes, as the one item of a list."""
    found, stop = [server.memory()], threading.Event()

    def look() -> None:
        while not stop.wait(_SAMPLED):
            found[0] = max(found[0], server.memory())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        stop.set()
        looking.join()


def _shed(flood: dict[str, Any]) -> float:
    answers: dict[str, dict[str, float]] = flood["by_status"]
    return answers[_OVERLOADED]["p99"] if _OVERLOADED in answers else 0.0


def _memory(before: float, peak: float) -> str:
    mib = 1024 * 1024
    return f"{before / mib:.1f} MiB before, {peak / mib:.1f} MiB at most"


def _answers(floods: list[dict[str, Any]], server: Served) -> str:
    counts: dict[str, int] = {}
    for flood in floods:
        for status, answers in flood["by_status"].items():
            counts[status] = counts.get(status, 0) + int(answers["count"])
    told = ", ".join(f"{count} × {status}" for status, count in sorted(counts.items()))
    outages = server.log.read_text(encoding="utf-8").count('"event": "outage"')
    return f"answers: {told}; {outages} of them for a database or Redis that seemed to be down"
