"""The program behind ``make model``; where Spin is installed, a part of what it does is done."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "scripts/model.py"


def run(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, str(PROGRAM), *arguments],
        env=None if path is None else {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_spin_it_says_what_to_install(tmp_path):
    ended = run(path=str(tmp_path))
    assert ended.returncode == 1
    assert "not found: spin, cc" in ended.stderr
    assert "apt-get install spin gcc" in ended.stderr


def test_a_variant_that_does_not_exist_is_refused():
    assert "no such variant: no-such" in run("no-such").stderr


def test_what_must_hold_holds_and_what_must_break_breaks():
    ended = run("no-floor")
    if "not found" in ended.stderr:
        pytest.skip("Spin or a C compiler is not installed")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    held, broke, total = ended.stdout.splitlines()
    assert "S2 S3 S4 S5 S6 L1 hold" in held
    assert held.endswith("ok")
    assert "S1 breaks" in broke
    assert broke.endswith("ok")
    assert total.startswith("2 of 2 as expected")


def test_the_page_shows_every_variant_and_every_trace():
    page = (ROOT / "docs/model/README.md").read_text()
    traces = {path.stem.partition(".")[0] for path in (ROOT / "docs/model/traces").glob("*.txt")}
    assert {name for name in traces if f"| {name} |" not in page} == set()
