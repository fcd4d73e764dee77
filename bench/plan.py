"""The plan: how much is measured, and how far that is."""

import time
from dataclasses import dataclass, field
from pathlib import Path

_MINUTE = 60.0


@dataclass
class Plan:
    """How much is measured. Every stage is asked to end after its share of the time.

    ``only`` and ``against`` are for comparing trees: paths whose name contains ``only``, and a second folder
    that holds an ``authsvc``.
    """

    quick: bool = False
    connections: int = 64
    rounds: int | None = None
    only: str = ""
    against: Path | None = None
    began: float = field(default_factory=time.monotonic)
    share_ends: float = field(default=float("inf"), init=False)
    all_ends: float = field(default=float("inf"), init=False)

    @property
    def sessions(self) -> int:
        """How many sessions must be there, so that no slice refreshes one of them twice."""
        return 12_000 if self.quick else 30_000

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    def some(self, whole: int, quick: int) -> int:
        """Return how many rounds: ``--rounds``, or one of the two."""
        return self.rounds or (quick if self.quick else whole)

    @property
    def out_of_time(self) -> bool:
        """Whether the stage's share of the time is over. Not where the rounds were asked for."""
        return self.rounds is None and time.monotonic() > self.share_ends

    def give(self, seconds: float, *, afterwards: float) -> None:
        """Begin a stage that may take so long; those behind it need ``afterwards``."""
        now = time.monotonic()
        self.share_ends = now + seconds
        self.all_ends = now + seconds + afterwards

    def say(self, what: str) -> None:
        """Tell what is being done, since when, and how long all may still take."""
        now = time.monotonic()
        left = "" if self.all_ends == float("inf") else f", {_spoken(self.all_ends - now)} left"
        print(f"{_clock(now - self.began)}  {what}{left}", flush=True)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _spoken(seconds: float) -> str:
    if seconds < _MINUTE:
        return "less than a minute"
    return f"about {seconds / _MINUTE:.1f} min"
