"""The benchmark: every target in one run, ``make bench``; what fits in two minutes, ``make bench-quick``.

It starts PostgreSQL and Valkey of its own, keeps the servers on one core and all else on another, measures
in turn what is compared, and prints what should be reached and what was. Only then are figures comparable.
The exit status is 0 where every target holds; with --quick, where those that were measured hold.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import curves
import hot_paths
import load
import logged_out
import logins
import scale
import storm
import workers
from findings import Finding, tell
from hashing import measure_builds
from pairs import Curve
from plan import Plan
from results import write
from servers import CORES, LOAD_CORE, SERVER_CORE
from targets import TARGETS
from world import ATTEMPTS, World, world

Found = Sequence[Finding | Curve]
Stage = Callable[[World, Plan], Awaitable[Found]]


@dataclass(frozen=True)
class Share:
    """A stage, and the seconds that it may take in a whole run and in a quick one; 0 leaves it out."""

    name: str
    stage: Stage
    whole: int
    quick: int


async def builds(_: World, plan: Plan) -> Found:
    """Measure argon2 as published and as built here; to build it, the first time, takes longer."""
    plan.say("argon2, built here, beside the published wheel")
    return await asyncio.to_thread(measure_builds)


_STARTING = 5
_LIMITS = {False: 600.0, True: 120.0}  # seconds of a whole run, and of a quick one
_BUSY = 0.5  # of the cores, when nothing has been measured yet
SHARES = (
    Share("hot", hot_paths.measure, 105, 32),
    Share("peers", hot_paths.beside_peers, 50, 18),
    Share("logins", logins.measure, 68, 15),
    Share("pressed", logins.pressed, 50, 15),
    Share("storm", storm.measure, 66, 22),
    Share("ended", logged_out.measure, 14, 12),
    Share("builds", builds, 15, 0),
    Share("workers", workers.measure, 50, 0),
    Share("crowds", lambda _, plan: scale.compare_crowds(plan), 120, 0),
    Share("curves", curves.measure, 78, 0),
)


async def run(plan: Plan, shares: Sequence[Share], limit: float) -> tuple[Found, list[str]]:
    """Run one stage after the other; return what they found, and which of them failed.

    What would end after the limit is not begun.
    """
    left = {share: share.quick if plan.quick else share.whole for share in shares}
    plan.all_ends = plan.began + sum(left.values()) + _STARTING
    plan.say("starting PostgreSQL and Valkey")
    found: list[Finding | Curve] = []
    failed: list[str] = []
    async with world() as this:
        for share in [share for share in shares if left[share]]:
            seconds = left.pop(share)
            if plan.elapsed + seconds > limit:
                plan.say(f"there is no time left to measure: {share.name}")
                continue
            plan.give(seconds, afterwards=sum(left.values()))
            try:
                found += await share.stage(this, plan)
            except Exception as error:
                plan.say(f"{share.name} failed: {error!r}")
                failed.append(share.name)
    return found, failed


def table(found: Found) -> list[Finding]:
    """Return every target in order, measured or not, and then what else was found."""
    findings = {each.name: each for each in found if isinstance(each, Finding)}
    lines = [findings.get(target.name) or target.missing() for target in TARGETS]
    listed = {target.name for target in TARGETS}
    return lines + [each for name, each in findings.items() if name not in listed]


def show(curve: Sequence[Curve]) -> None:
    """Print what was measured, in figures of this machine."""
    for each in curve:
        print(
            f"{each.name:32} c = {each.connections:3}  {each.rate:9.1f}/s   p50 {each.p50 * 1000:8.2f} ms   "
            f"p99 {each.p99 * 1000:8.2f} ms   {each.cost * 1e6:9.1f} us of processor time each"
        )


def introduce(quick: bool) -> None:  # noqa: FBT001  (which of the two it is)
    """Say what is measured where."""
    print("Machines are noisy: ratios are medians of slices in turn, the spread is their lowest and highest.")
    if len(CORES) > 1:
        print(f"The servers run on core {SERVER_CORE}, the load, PostgreSQL and Valkey on core {LOAD_CORE}.")
    else:
        print("There is one core only: load and servers share it, and the ratios say less.")
    busy = os.getloadavg()[0]
    if busy > _BUSY * len(CORES):
        print(f"This machine is busy (load average {busy:.1f}): other processes will be seen in the figures.")
    if not load.has_wrk():
        print("wrk is not installed. Our own generator asks more slowly: the fast servers seem slower.")
    limits = ", ".join(f"AUTHSVC_{name.upper()}={value}" for name, value in ATTEMPTS.items())
    print(f"The limits on attempts are set high, so that they do not shape the load: {limits}.")
    if quick:
        print(
            "A quick run leaves out what takes longer: "
            + "; ".join(t.name for t in TARGETS if not t.quick)
            + "."
        )
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="what fits in two minutes")
    parser.add_argument("--rounds", type=int, help="slices of each, in place of those that fit in the time")
    parser.add_argument("--connections", type=int, default=64, help="of readers and refreshes (64)")
    parser.add_argument("--only", help="compare paths only: those whose name contains this, and their floors")
    parser.add_argument(
        "--against", type=Path, help="compare paths with another source tree, a folder of authsvc"
    )
    names = [share.name for share in SHARES]
    parser.add_argument("--stage", action="append", choices=names, help="measure this alone, or these")
    asked = parser.parse_args()
    plan = Plan(asked.quick, asked.connections, asked.rounds, asked.only or "", asked.against)
    introduce(asked.quick)
    comparing = asked.only is not None or asked.against is not None
    shares = (
        [Share("compare", hot_paths.compare, 120, 120)]
        if comparing
        else [s for s in SHARES if s.name in (asked.stage or s.name)]
    )
    limit = float("inf") if comparing or asked.stage else _LIMITS[asked.quick]
    found, failed = asyncio.run(run(plan, shares, limit))
    print()
    show([each for each in found if isinstance(each, Curve)])
    print()
    if comparing:
        tell(each for each in found if isinstance(each, Finding))
        return
    findings = table(found)
    # What was measured by itself and again for its curve stands once.
    points = {(each.name, each.connections): each for each in found if isinstance(each, Curve)}
    tell(findings)
    print()
    write(findings, list(points.values()), quick=asked.quick)
    missed = [each for each in findings if each.measured and not each.holds]
    unmeasured = [each for each in findings if not each.measured]
    held = len([each for each in findings if each.measured and each.holds and each.target is not None])
    print(f"{held} held, {len(missed)} missed, {len(unmeasured)} not measured.")
    sys.exit(bool(failed or missed or (unmeasured and not asked.quick)))


if __name__ == "__main__":
    main()
