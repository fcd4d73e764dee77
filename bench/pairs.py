"""Pairs: slices of each in turn (A B A B …), since machines are noisy, and the medians of their ratios."""

import asyncio
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from findings import Finding
from load import Slice
from plan import Plan
from targets import Target

Ask = Callable[[], Slice]
Figure = Literal["rate", "p50", "p99", "cost"]
_FEWEST = 3  # rounds, also where the time is over: a median of two is none


@dataclass(frozen=True)
class Curve:
    """How something fares under so many connections: requests a second, and percentiles in seconds."""

    name: str
    connections: int
    rate: float
    p50: float
    p99: float
    cost: float

    @classmethod
    def of(cls, name: str, connections: int, slices: Sequence[Slice]) -> "Curve":
        """Return the medians of ``slices``."""
        rate, p50, p99, cost = (
            statistics.median(figures)
            for figures in zip(*((s.rate, s.p50, s.p99, s.cost) for s in slices), strict=True)
        )
        return cls(name, connections, rate, p50, p99, cost)


async def interleave(
    plan: Plan, asks: Mapping[str, Ask], *, rounds: int, warm_up: bool = True
) -> dict[str, list[Slice]]:
    """Ask everything once to warm up, then ``rounds`` times in turn, fewer when the time is over.

    Every other round goes backwards (A B B A): what one slice leaves to the next is shared by both.
    """
    found: dict[str, list[Slice]] = {name: [] for name in asks}
    in_turn = list(asks.items())
    for number in range(0 if warm_up else 1, rounds + 1):
        if number > _FEWEST and plan.out_of_time:
            break
        for name, ask in in_turn[:: -1 if number % 2 else 1]:
            measured = await asyncio.to_thread(ask)
            if number:
                found[name].append(measured)
    return found


def ratio(
    target: Target, above: Sequence[Slice], below: Sequence[Slice], figure: Figure = "rate", *, note: str = ""
) -> Finding:
    """Return the median and the spread of the ratios of slices that were measured one after the other.

    A ratio of rates is told beside that of processor times, which a busy machine disturbs less.
    """
    pairs = list(zip(above, below, strict=True))
    cost = statistics.median(b.cost / a.cost for a, b in pairs)
    if figure == "rate" and not note and isfinite(cost):
        note = f"{cost:.2f} by the processor time of a request"
    if failed := sum(each.failed for each in (*above, *below)):
        note = f"{failed} of {sum(each.asked for each in (*above, *below))} requests failed; {note}"
    return reached(target, [getattr(a, figure) / getattr(b, figure) for a, b in pairs], note=note)


def reached(target: Target, values: Sequence[float], *, note: str = "") -> Finding:
    """Return the median and the spread of ``values``, beside what they should reach."""
    return Finding(
        target.name, statistics.median(values), min(values), max(values),
        unit=target.unit, target=target.value, at_least=target.at_least, note=note,
    )  # fmt: skip
