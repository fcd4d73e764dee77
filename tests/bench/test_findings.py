"""What the benchmark says of what it found."""

import math
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def findings() -> dict[str, Any]:
    return runpy.run_path(str(BENCH / "findings.py"))


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(BENCH)
    monkeypatch.delitem(sys.modules, "findings", raising=False)
    return runpy.run_path(str(BENCH / "targets.py"))


@pytest.mark.parametrize(
    ("value", "at_least", "verdict"),
    [
        (0.75, True, "held"),
        (0.7499, True, "MISSED"),
        (0.75, False, "held"),
        (0.7501, False, "MISSED"),
        (math.nan, True, "not measured"),
        (math.nan, False, "not measured"),
    ],
)
def test_a_target_is_held_up_to_its_very_value_and_never_by_what_was_not_measured(
    findings: dict[str, Any], value: float, at_least: Any, verdict: str
) -> None:
    found = findings["Finding"]("a ÷ b", value, value, value, target=0.75, at_least=at_least)
    assert found.verdict == verdict
    assert found.holds == (verdict == "held")


def test_the_table_tells_target_figure_spread_and_verdict(
    findings: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    finding = findings["Finding"]
    findings["tell"](
        [
            finding("users", 0.8123, 0.7, 0.9, target=0.75, note="a note"),
            finding("memory", 278, 270, 451, unit="B", target=450, at_least=False),
            finding("successes", 0, 0, 0, target=0, at_least=False),
            finding.missing("logins", "no compiler", 2.0),
            finding("one hash", 20.04, 19.96, 1234, unit="ms"),
        ]
    )
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        "users ≥ 0.750 0.812 0.700 … 0.900 held",
        "a note",
        "memory ≤ 450 278 B 270 … 451 held",
        "successes ≤ 0 0 0 … 0 held",
        "logins ≥ 2.00 not measured",
        "no compiler",
        "one hash 20.0 ms 20.0 … 1 234",
    ]


def test_every_target_has_a_line_of_its_own(targets: dict[str, Any]) -> None:
    names = [target.name for target in targets["TARGETS"]]
    assert len(names) == len(set(names)) > 20
    assert all(target.missing().verdict == "not measured" for target in targets["TARGETS"])
