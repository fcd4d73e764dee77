"""What is told of latencies."""

import runpy
from pathlib import Path

import pytest

PROGRAM = runpy.run_path(str(Path(__file__).parents[2] / "bench/latencies.py"))
Latencies, percentile = PROGRAM["Latencies"], PROGRAM["percentile"]


@pytest.mark.parametrize(
    ("number", "share", "rank"),
    [(1, 0.5, 1), (1, 0.99, 1), (2, 0.5, 1), (3, 0.5, 2), (99, 0.99, 99), (100, 0.99, 99), (1000, 0.99, 990)],
)
def test_a_percentile_is_a_value_that_was_measured(number: int, share: float, rank: int) -> None:
    assert percentile(range(1, number + 1), share) == rank


def test_each_status_has_its_own_percentiles() -> None:
    latencies = Latencies()
    for milliseconds in range(1, 101):
        latencies.add("200", milliseconds / 1000)
    for _ in range(60):
        latencies.add("503", 0.5)
    latencies.add("unanswered", 9.0)
    told = latencies.summary(took=4.0)
    assert told["rate"] == 160 / 4.0  # what was not answered is no throughput
    assert (told["asked"], told["failed"]) == (161, 61)
    assert told["statuses"] == {"200": 100, "503": 60, "unanswered": 1}
    assert told["by_status"]["200"] == {"count": 100, "p50": 0.050, "p99": 0.099}
    assert told["by_status"]["503"]["p99"] == 0.5
    assert (told["p50"], told["p99"]) == (0.081, 0.5)


def test_no_answer_at_all_is_told_too() -> None:
    told = Latencies().summary(took=1.0)
    assert (told["rate"], told["asked"], told["failed"], told["statuses"]) == (0.0, 0, 0, {})
