"""Findings: what was measured, what it should be, and the table that tells both."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

_HEAD = ("what", "target", "found", "spread", "")
_WIDEST_NAME = 62


@dataclass(frozen=True)
class Finding:
    """One line of the table: a figure, the lowest and the highest slice of it, and what it should reach.

    ``unit`` stands behind the figures: ``x`` for ratios. ``at_least`` is the direction of the target. Without
    a target a finding only informs. One that nobody measured is not a number, and does not hold.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str = "x"
    target: float | None = None
    at_least: bool = True
    note: str = ""

    @classmethod
    def missing(cls, name: str, why: str = "", target: float | None = None, *, at_least: bool = True) -> Self:
        """Return the line of what was not measured, and perhaps why."""
        return cls(name, math.nan, math.nan, math.nan, target=target, at_least=at_least, note=why)

    @property
    def measured(self) -> bool:
        return not math.isnan(self.value)

    @property
    def holds(self) -> bool:
        """Whether the target is met; what has no target always holds."""
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target

    @property
    def verdict(self) -> str:
        if not self.measured:
            return "not measured"
        if self.target is None:
            return ""
        return "held" if self.holds else "MISSED"


def tell(findings: Iterable[Finding]) -> None:
    """Print the table: name, target, figure, spread and verdict; notes stand below their lines."""
    rows = [(finding, _row(finding)) for finding in findings]
    table = [_HEAD, *(row for _, row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEAD))]
    widths[0] = min(widths[0], _WIDEST_NAME)
    print(_line(_HEAD, widths))
    for finding, row in rows:
        print(_line(row, widths))
        if finding.note:
            print(f"    {finding.note}")


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    name, *figures, verdict = (cell for cell in row)
    padded = (cell.rjust(width) for cell, width in zip(figures, widths[1:-1], strict=True))
    return "  ".join([name.ljust(widths[0]), *padded, verdict]).rstrip()


def _row(finding: Finding) -> tuple[str, str, str, str, str]:
    target = "" if finding.target is None else f"{'≥' if finding.at_least else '≤'} {_figure(finding.target)}"
    if not finding.measured:
        return (finding.name, target, "", "", finding.verdict)
    unit = "" if finding.unit == "x" else f" {finding.unit}"
    spread = f"{_figure(finding.low)} … {_figure(finding.high)}"
    return (finding.name, target, _figure(finding.value) + unit, spread, finding.verdict)


def _figure(value: float) -> str:
    """Three digits that count."""
    if value == 0 or abs(value) >= 100:  # noqa: PLR2004  (three digits before the point)
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
