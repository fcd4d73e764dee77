"""Check the Promela model in docs/model: what must hold holds, and every broken variant is caught.

Prints one line for each check; exit status 0 only if every expectation is met. Needs Spin and a C compiler.

    python scripts/model.py                 everything
    python scripts/model.py no-grace        some variants only
    python scripts/model.py --write-traces  also renew docs/model/traces
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).parents[1] / "docs/model"
TRACES = MODEL / "traces"

PROPERTIES = {
    "S1": "nothing succeeds that was invoked after an acknowledged end",
    "S2": "a generation advances at most once",
    "S3": "a generation has at most one distinct successor",
    "S4": "the generation never decreases",
    "S5": "only a valid tag changes state",
    "S6": "nothing succeeds after the absolute deadline",
    "L1": "who behaves is refused for a cause only, whatever answers are lost",
}


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to build the service: a stage, the -D flags that change it, and what is expected of it.

    ``real``: the service is built this way, so that what breaks is its known limit and not a mistake.
    """

    name: str
    stage: str
    flags: str
    holds: str
    breaks: str
    real: bool = False


VARIANTS = (
    Variant("as-built", "rotation", "", "S1 S2 S3 S4 S5 S6 L1", "", real=True),
    Variant("as-built", "ending", "", "S1 S2 S3 S4 S5 S6 L1", "", real=True),
    Variant("failover", "rotation", "FAILOVER", "S1 S3 S5 S6", "S2 S4 L1", real=True),
    Variant("failover", "ending", "FAILOVER", "S1 S2 S3 S5 S6", "S4 L1", real=True),
    Variant("no-grace", "rotation", "NO_GRACE", "S1 S2 S3 S4 S5 S6", "L1"),
    Variant("check-then-set", "rotation", "CHECK_THEN_SET", "", "S1 S2 S3 S4 L1"),
    Variant("no-tag", "rotation", "NO_TAG", "S1 S2 S3 S4 S6 L1", "S5"),
    Variant("sliding-deadline", "rotation", "SLIDING_DEADLINE", "S1 S2 S3 S4 S5 L1", "S6"),
    Variant("no-tombstone", "rotation", "FAILOVER NO_TOMBSTONE", "", "S1"),
    Variant("no-doubt", "rotation", "FAILOVER NO_DOUBT", "", "S1"),
    Variant("no-floor", "ending", "NO_FLOOR", "S2 S3 S4 S5 S6 L1", "S1"),
    Variant("no-kept", "ending", "NO_KEPT", "S1 S2 S3 S4 S5 S6", "L1"),
    Variant("moves-kept", "ending", "MOVES_KEPT", "S2 S3 S4 S5 S6 L1", "S1"),
)

_ERRORS = re.compile(r"errors: (\d+)")
_STATES = re.compile(r"(\d+) states, stored")
_MEMORY = re.compile(r"([\d.]+)\ttotal actual memory usage")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one search found: whether it was exhaustive, and the steps to what broke."""

    exhaustive: bool
    steps: tuple[str, ...]
    states: int
    megabytes: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Check:
    """One search: of ``properties`` together, which must all hold, or of one that must break."""

    variant: Variant
    properties: str
    breaks: bool

    def run(self) -> Finding:
        """Translate, compile, search; the shortest counter-example first where one is expected."""
        flags = [f"-D{flag}" for flag in self.variant.flags.split()]
        flags.append(f"-DWATCHED={self.properties.replace(' ', '+')}")
        model = f"{self.variant.stage}.pml"
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            for source in MODEL.glob("*.pml"):
                shutil.copy(source, folder)
            _run(folder, "spin", "-a", *flags, model)
            _run(
                folder,
                "cc",
                "-O2",
                "-w",
                "-DSAFETY",
                *(["-DBFS"] if self.breaks else []),
                "-o",
                "pan",
                "pan.c",
            )
            report = _run(folder, "./pan", "-m100000", "-n")
            steps: tuple[str, ...] = ()
            if Path(folder, f"{model}.trail").exists():
                replay = _run(folder, "spin", "-k", f"{model}.trail", "-T", *flags, model)
                steps = tuple(line[2:].rstrip() for line in replay.splitlines() if line.startswith("@ "))
        cut_short = "max search depth too small" in report or "Search not completed" in report
        return Finding(
            exhaustive=_number(_ERRORS, report) == 0 and not cut_short,
            steps=steps,
            states=int(_number(_STATES, report)),
            megabytes=_number(_MEMORY, report),
            seconds=time.monotonic() - started,
        )

    def is_met_by(self, finding: Finding) -> bool:
        """Whether what was found is what was expected."""
        return bool(finding.steps) if self.breaks else finding.exhaustive

    def line(self, finding: Finding) -> str:
        """Tell what was expected and what was found."""
        verdict = "ok" if self.is_met_by(finding) else "NOT AS EXPECTED"
        said = (
            f"{self.properties} {'breaks' if self.breaks else 'hold' if ' ' in self.properties else 'holds'}"
        )
        steps = f"in {len(finding.steps)} steps" if finding.steps else ""
        return (
            f"{self.variant.name:17}{self.variant.stage:10}{said:26}{steps:12}"
            f"{finding.states:>9,} states {finding.seconds:5.1f} s {finding.megabytes:6.0f} MB  {verdict}"
        )


def checks(variants: tuple[Variant, ...]) -> Iterator[Check]:
    """Yield the searches that the variants ask for."""
    for variant in variants:
        if variant.holds:
            yield Check(variant, variant.holds, breaks=False)
        for broken in variant.breaks.split():
            yield Check(variant, broken, breaks=True)


def write_trace(check: Check, steps: tuple[str, ...]) -> None:
    """Keep a counter-example of a variant that is not how the service is built."""
    path = TRACES / f"{check.variant.name}.{check.properties}.txt"
    flags = " ".join(f"-D{flag}" for flag in check.variant.flags.split())
    broken = f"{check.properties}: {PROPERTIES[check.properties]}"
    path.write_text("\n".join([f"# {check.variant.stage}.pml {flags}", f"# breaks {broken}", *steps, ""]))


def missing() -> str | None:
    """Return what to install, if something is missing."""
    absent = [name for name in ("spin", "cc") if shutil.which(name) is None]
    if not absent:
        return None
    return (
        f"make model needs Spin and a C compiler; not found: {', '.join(absent)}.\n"
        "Debian, Ubuntu: apt-get install spin gcc\n"
        "macOS:          brew install spin; xcode-select --install"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the checks; return the exit status."""
    parser = argparse.ArgumentParser(description="Check the model in docs/model with Spin.")
    parser.add_argument("variant", nargs="*", help="only these; all by default")
    parser.add_argument("--write-traces", action="store_true", help="renew docs/model/traces")
    options = parser.parse_args(arguments)
    if unknown := set(options.variant) - {variant.name for variant in VARIANTS}:
        parser.error(f"no such variant: {', '.join(sorted(unknown))}")
    if (advice := missing()) is not None:
        print(advice, file=sys.stderr)
        return 1
    chosen = tuple(each for each in VARIANTS if not options.variant or each.name in options.variant)
    asked = list(checks(chosen))
    started, unmet, most = time.monotonic(), 0, 0.0
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
        for check, finding in zip(asked, pool.map(Check.run, asked), strict=True):
            print(check.line(finding), flush=True)
            unmet += not check.is_met_by(finding)
            most = max(most, finding.megabytes)
            if options.write_traces and check.breaks and not check.variant.real:
                write_trace(check, finding.steps)
    print(
        f"{len(asked) - unmet} of {len(asked)} as expected, in {time.monotonic() - started:.0f} s; ", end=""
    )
    print(f"the largest search took {most:,.0f} MB")
    return 0 if unmet == 0 else 1


def _run(folder: str, *command: str) -> str:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 -- ours
    if ended.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def _number(pattern: re.Pattern[str], report: str) -> float:
    found = pattern.search(report)
    if found is None:
        raise SystemExit(f"the search ended early:\n{report}")
    return float(found[1])


if __name__ == "__main__":
    sys.exit(main())
