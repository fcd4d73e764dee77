"""Compare every pinned package with what is known to be vulnerable. `make audit` runs it beside pip-audit.

Arguments are handed on to pip-audit. The exit code is 0 only if every package of every lock file was
compared, nothing was found, and the lock files were renewed lately. Not to be able to ask is a failure, too.
(Hashes are checked where packages are installed; here only names and versions count.)
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

LOCKS = Path(__file__).parent.parent / "requirements"
RENEWED = LOCKS / "renewed"
"""The day on which the lock files were last brought to the newest versions, by `make lock UPGRADE=1`."""

LONGEST = timedelta(days=90)
"""How long a version may stay pinned without anybody having looked for a newer one."""

_SHOWN = 5
_PIN = re.compile(r"^([a-z0-9-]+==[^\s;]+)", re.MULTILINE)


def overdue(renewed: str, today: date) -> Iterator[str]:
    """Yield a sentence if the lock files are too old; ``renewed`` is what the file of that name says."""
    age = today - date.fromisoformat(renewed.strip())
    if age > LONGEST:
        yield f"The lock files are {age.days} days old, and {LONGEST.days} is the limit: make lock UPGRADE=1"


def pinned(locks: Iterable[Path]) -> dict[str, list[str]]:
    """Return what the lock files pin, as ``name==version``, each with the names of those files.

    For every platform: what a marker keeps out here is vulnerable elsewhere.
    """
    found: dict[str, list[str]] = {}
    for lock in locks:
        for pin in _PIN.findall(lock.read_text(encoding="utf-8")):
            found.setdefault(pin, []).append(lock.stem)
    return found


def findings(packages: Sequence[Mapping[str, Any]], pins: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield a sentence for each vulnerability that was found, and one if not all packages were looked at."""
    compared = {f"{package['name']}=={package.get('version')}": package for package in packages}
    for pin, locks in pins.items():
        for vulnerability in compared.get(pin, {}).get("vulns", ()):
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            yield f"{pin} ({', '.join(locks)}): {vulnerability['id']}, fixed in {fixed}"
    unknown = [pin for pin in pins if "vulns" not in compared.get(pin, {})]
    if unknown:
        first = ", ".join(unknown[:_SHOWN]) + (", …" if len(unknown) > _SHOWN else "")
        reason = next((each["skip_reason"] for each in packages if "skip_reason" in each), "none is given")
        yield (
            f"{len(unknown)} of {len(pins)} packages could not be compared with known vulnerabilities: "
            f"{first}. The first reason: {reason}"
        )


def in_parts(pins: Iterable[str]) -> list[list[str]]:
    """Part ``pins`` so that no part has two versions of a package, which pip-audit would not take."""
    parts: list[dict[str, str]] = []
    for pin in pins:
        name = pin.partition("==")[0]
        part = next((part for part in parts if name not in part), None)
        if part is None:
            parts.append(part := {})
        part[name] = pin
    return [list(part.values()) for part in parts]


def ask(pins: Iterable[str], options: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """Return what pip-audit says of each package, or nothing and why it says nothing."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "pins.txt")
        listed.write_text("\n".join(pins), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            f"--requirement={listed}",
            "--format=json",
            "--desc=off",
        ]
        command += ["--aliases=off", "--progress-spinner=off", "--disable-pip", "--no-deps", *options]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (ours)
    try:
        return json.loads(answer.stdout)["dependencies"], ""
    except (ValueError, KeyError):
        return [], next(reversed(answer.stderr.strip().splitlines()), "it said nothing")


def main() -> int:
    """Run the program; the exit code is 1 if anything is wrong or unknown."""
    pins = pinned(sorted(LOCKS.glob("*.lock")))
    wrong = list(overdue(RENEWED.read_text(encoding="ascii"), datetime.now(UTC).date()))
    packages: list[dict[str, Any]] = []
    for part in in_parts(pins):
        answered, failure = ask(part, sys.argv[1:])
        packages += answered
        wrong += [f"pip-audit could not do its work: {failure}"] if failure else []
    wrong += findings(packages, pins)
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    if not wrong:
        print(f"None of {len(pins)} packages has a vulnerability that is known.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
