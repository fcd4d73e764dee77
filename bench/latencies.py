"""Latencies: how long answers took, by the status they had, and what is told of them."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

UNANSWERED = "unanswered"
MALFORMED = "malformed"


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest rank: the least of these values that at least ``share`` of them do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


class Latencies:
    """In seconds. A request that was not answered counts with as long as it had waited."""

    def __init__(self) -> None:
        self._by_status: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, status: str, latency: float) -> None:
        self._by_status[status].append(latency)

    def summary(self, took: float) -> dict[str, Any]:
        """Tell them as JSON; ``took`` is how long the run was, in seconds."""
        by_status = {status: sorted(found) for status, found in sorted(self._by_status.items())}
        everything = sorted(latency for found in by_status.values() for latency in found)
        statuses = {status: len(found) for status, found in by_status.items()}
        without_answer = statuses.get(UNANSWERED, 0) + statuses.get(MALFORMED, 0)
        return {
            "rate": (len(everything) - without_answer) / took,
            "p50": percentile(everything, 0.50),
            "p99": percentile(everything, 0.99),
            "asked": len(everything),
            "failed": sum(number for status, number in statuses.items() if status[0] not in "23"),
            "statuses": statuses,
            "by_status": {
                status: {"count": len(found), "p50": percentile(found, 0.50), "p99": percentile(found, 0.99)}
                for status, found in by_status.items()
            },
        }
