"""The program behind ``make model``; where Spin is installed, a part of what it does is done."""

import runpy
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


def test_the_page_tells_what_is_checked():
    program = runpy.run_path(str(PROGRAM))
    rows = [
        [cell.strip(" *") for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs/model/README.md").read_text().splitlines()
    ]
    told = {(row[0], row[2]): row[3:] for row in rows if len(row) == 10}
    for variant in program["VARIANTS"]:
        said = dict(zip(program["PROPERTIES"], told[variant.name, variant.stage], strict=True))
        assert " ".join(name for name in said if said[name] == "holds") == variant.holds
        assert " ".join(name for name in said if said[name] == "breaks") == variant.breaks


def test_every_broken_variant_has_its_traces():
    program = runpy.run_path(str(PROGRAM))
    expected = {
        f"{variant.name}.{broken}"
        for variant in program["VARIANTS"]
        for broken in variant.breaks.split()
        if not variant.real
    }
    assert {path.stem for path in (ROOT / "docs/model/traces").glob("*.txt")} == expected
