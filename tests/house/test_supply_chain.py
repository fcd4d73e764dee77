"""What the audit says of pinned packages, and who needs whom in the bill of materials. Asks nobody."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from scripts.audit import LOCKS, RENEWED, findings, in_parts, overdue, pinned
from scripts.sbom import LOCK, complete, needed_by

ROOT = Path(__file__).parents[2]
PINS = {"one==1": ["serve", "test"], "two==2": ["test"]}


# A110
def test_a_vulnerability_is_told_with_where_it_is_pinned_and_what_mends_it():
    sound = {"name": "two", "version": "2", "vulns": []}
    found = {"name": "one", "version": "1", "vulns": [{"id": "PYSEC-0000-1", "fix_versions": ["1.1", "2"]}]}
    assert list(findings([sound, found], PINS)) == ["one==1 (serve, test): PYSEC-0000-1, fixed in 1.1, 2"]
    assert list(findings([sound, found | {"vulns": []}], PINS)) == []


# A110
@pytest.mark.parametrize(
    ("packages", "reason"),
    [
        ([{"name": "one", "version": "1", "vulns": []}], "none is given"),
        ([{"name": "one", "version": "1", "vulns": []}, {"name": "two", "skip_reason": "lost"}], "lost"),
        (
            [{"name": "one", "version": "1", "vulns": []}, {"name": "two", "version": "3", "vulns": []}],
            "none",
        ),
    ],
)
def test_what_was_not_compared_is_not_sound(packages, reason):
    [sentence] = findings(packages, PINS)
    assert sentence.startswith("1 of 2 packages could not be compared with known vulnerabilities: two==2.")
    assert reason in sentence


# A110
def test_lock_files_have_an_age_beyond_which_they_are_refused():
    assert list(overdue("2026-01-01\n", date(2026, 4, 1))) == []
    [sentence] = overdue("2026-01-01\n", date(2026, 4, 2))
    assert "91 days old, and 90 is the limit: make lock UPGRADE=1" in sentence
    assert list(overdue(RENEWED.read_text(encoding="ascii"), date(2026, 1, 1))) == []  # it is a date


def test_every_pin_of_every_lock_is_compared_whatever_the_platform():
    pins = pinned(LOCKS.glob("*.lock"))
    assert "serve" in next(locks for pin, locks in pins.items() if pin.startswith("uvloop=="))
    for part in (parts := in_parts(pins)):
        assert len({pin.partition("==")[0] for pin in part}) == len(part)
    assert sorted(pin for part in parts for pin in part) == sorted(pins)
    assert len(parts) > 1, "the benchmark's differ"


def audited(folder: Path, pip_audit: str) -> subprocess.CompletedProcess[str]:
    """Run the audit with a program in place of pip-audit."""
    Path(folder, "pip_audit.py").write_text(pip_audit, encoding="utf-8")
    return subprocess.run(  # noqa: S603  (ours)
        [sys.executable, str(ROOT / "scripts/audit.py")],
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


COMPARES = """
import json, sys
[listed] = [arg.partition("=")[2] for arg in sys.argv if arg.startswith("--requirement=")]
pins = [line.split("==") for line in open(listed).read().splitlines()]
compared = [{"name": name, "version": version, "vulns": []} for name, version in pins]
print(json.dumps({"dependencies": compared}))
"""


# A110
def test_the_audit_fails_when_nobody_can_be_asked(tmp_path):
    ended = audited(tmp_path, "raise SystemExit('no route to host')")
    assert ended.returncode == 1
    assert "pip-audit could not do its work: no route to host" in ended.stderr
    assert "packages could not be compared with known vulnerabilities" in ended.stderr


def test_the_audit_is_content_when_all_was_compared(tmp_path):
    ended = audited(tmp_path, COMPARES)
    told = [line for line in ended.stderr.splitlines() if "days old" not in line]  # which a test cannot mend
    assert told == []


# A110
def test_the_bill_of_materials_tells_who_needs_whom():
    lock = LOCK.read_text(encoding="utf-8")
    needs = needed_by(lock)
    assert set(needs) == {pin.partition("==")[0] for pin in pinned([LOCK])}
    assert all(needs.values()), "nothing is there that nobody needs"
    assert "authsvc" in needs["fastapi"]
    assert "fastapi" in needs["starlette"]
    assert set().union(*needs.values()) <= {*needs, "authsvc"}


def test_what_is_added_to_the_bill_is_the_version_and_the_needs():
    document = {
        "metadata": {"component": {"name": "authsvc", "bom-ref": "root"}},
        "components": [
            {"name": name, "bom-ref": f"L{number}", "description": "line"}
            for number, name in enumerate(["one", "two"])
        ],
    }
    lock = """\
one==1 \\
    --hash=sha256:0
    # via
    #   -c requirements/test.lock
    #   authsvc (pyproject.toml)
    #   two[extra]
two==2
    # via authsvc (pyproject.toml)
"""
    made = complete(document, lock, "1.2.3")
    assert made["metadata"]["component"]["version"] == "1.2.3"
    assert made["metadata"]["component"]["purl"] == "pkg:pypi/authsvc@1.2.3"
    assert "line" not in json.dumps(made)
    assert made["dependencies"] == [
        {"ref": "root", "dependsOn": ["L0", "L1"]},
        {"ref": "L0"},
        {"ref": "L1", "dependsOn": ["L0"]},
    ]


def lacking(name: str, extras: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield what an installed package needs, with its extras, that is not there in a version that fits."""
    for line in requires(name) or ():
        needed = Requirement(line)
        wanted = [{"extra": extra} for extra in ("", *extras)]
        if needed.marker is not None and not any(needed.marker.evaluate(each) for each in wanted):
            continue
        try:
            if not needed.specifier.contains(version(needed.name), prereleases=True):
                yield f"{name} needs {needed}, and {version(needed.name)} is there"
        except PackageNotFoundError:
            yield f"{name} needs {needed}"
        else:
            if needed.extras:
                yield from lacking(needed.name, frozenset(needed.extras))


def test_the_lock_files_are_complete_since_nothing_is_installed_beside_them():
    installed = {one.metadata["Name"] for one in distributions()}
    assert len(installed) > 50
    assert [gap for name in sorted(installed) for gap in lacking(name)] == []
