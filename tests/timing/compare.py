"""Whether two sets of times could be of one kind: medians, and the test of Kolmogorov and Smirnov. Pure."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_CLOSE = 0.002  # seconds
_CLOSE_SHARE = 0.03
_LIKELY = 0.01


@dataclass(frozen=True)
class Comparison:
    """How far times (in seconds) lie from those of a baseline."""

    name: str
    median: float
    difference: float
    p: float

    @property
    def holds(self) -> bool:
        """Whether nobody could tell the two apart by these samples."""
        allowed = max(_CLOSE, _CLOSE_SHARE * (self.median - self.difference))
        return abs(self.difference) < allowed and self.p > _LIKELY

    def __str__(self) -> str:
        """Return a line for people, in milliseconds."""
        verdict = "alike" if self.holds else "TOLD APART"
        figures = f"median {1000 * self.median:.2f} ms, {1000 * self.difference:+.2f} ms, p = {self.p:.3f}"
        return f"{self.name:>10}  {verdict}: {figures}"


def compare(name: str, times: Sequence[float], baseline: Sequence[float]) -> Comparison:
    """Compare ``times`` with ``baseline``."""
    middle = median(times)
    return Comparison(name, middle, middle - median(baseline), likelihood(times, baseline))


def likelihood(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the probability of a distance this large between samples of one and the same distribution.

    The asymptotic distribution, with the correction of Stephens (1970) for samples that are not large.
    """
    one, other = sorted(first), sorted(second)
    distance = max(
        abs(bisect_right(one, each) / len(one) - bisect_right(other, each) / len(other))
        for each in (*one, *other)
    )
    size = math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    scaled = (size + 0.12 + 0.11 / size) * distance
    if scaled < 0.2:  # where the series converges slowly it is 1 anyway
        return 1.0
    terms = ((1 if k % 2 else -1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * sum(terms)))
