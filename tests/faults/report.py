"""How results are told: a line each, a summary, a document."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from tests.faults.campaign import LONGEST_RECOVERY, USERS, Result
from tests.faults.stack import POOL, WORKERS
from tests.faults.watching import LATEST_503, QUEUE, SILENT

_SHOWN = 4


def line(result: Result, number: int, of: int) -> str:
    """Return a line of progress, and what was found below it."""
    state = "holds" if result.holds else "BROKEN"
    head = (
        f"{number:>3}/{of} {result.name:<32}{state:<7} {result.requests:>5} requests, "
        f"{result.refused:>4} × 503 (slowest {result.slowest_503:.2f} s, "
        f"hashing {result.slowest_503_hashing:.2f} s), "
        f"{result.silent} silent, recovery {result.recovery:.2f} s, "
        f"{result.checks} checks, lost {result.lost_writes}; {result.seconds:.1f} s"
    )
    found = [*result.violations, *result.late_503]
    more = [f"      … {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "\n".join([head, *(f"      {each[:400]}" for each in found[:_SHOWN]), *more])


def summary(results: Sequence[Result]) -> str:
    """Return the last line."""
    broken = [each.name for each in results if not each.holds]
    told = "all hold" if not broken else f"broken: {', '.join(broken)}"
    return f"\n{len(results)} faults, {sum(each.requests for each in results)} requests: {told}"


def document(results: Sequence[Result]) -> str:
    """Return docs/faults.md."""
    head = Path(__file__).with_name("faults.md").read_text()
    rows = [
        f"| `{each.name}` | {each.sentence} | {_worst(each)} | {_seconds(each.slowest_503)} "
        f"| {_seconds(each.slowest_503_hashing)} "
        f"| {each.recovery:.2f} s | {len(each.violations) + len(each.late_503)} | {each.lost_writes} |"
        for each in results
    ]
    found = [
        f"- `{each.name}`: {what[:300]}"
        for each in results
        for what in (*each.violations[:_SHOWN], *each.late_503[:_SHOWN])
    ]
    return head.format(
        number=len(results),
        requests=sum(each.requests for each in results),
        checks=sum(each.checks for each in results),
        machine=_machine(),
        users=USERS,
        workers=WORKERS,
        pool=POOL,
        latest=f"{LATEST_503:.0f}",
        queue=f"{QUEUE:.0f}",
        recovery=f"{LONGEST_RECOVERY:.0f}",
        rows="\n".join(rows),
        found="\n".join(found) or "Nothing.",
    )


def _worst(result: Result) -> str:
    statuses = {int(each.split()[0]) for each in result.statuses}
    if SILENT in statuses:
        return f"none, {result.silent} times" + (", 503" if result.refused else "")
    return str(max(statuses, default=0))


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value else "–"


def _machine() -> str:
    model = ""
    for each in Path("/proc/cpuinfo").read_text().splitlines():
        if each.startswith("model name"):
            model = each.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    load = os.getloadavg()[1]
    return (
        f"{os.cpu_count()} cores ({model}), {memory} GiB, Linux {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}; the load of the last five minutes was {load:.0f}"
    )
