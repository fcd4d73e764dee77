"""Attack the service: python -m tests.attack [--short] [--face direct] [--only "part of a name"]."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from tests.attack.attacked import Attacked, attacked
from tests.attack.battery import Battery, Tally
from tests.attack.case import Case
from tests.attack.catalogue import GROUPS
from tests.attack.outsiders import asked_by_schemathesis, verified_elsewhere
from tests.attack.proxies import is_installed, proxied

from authsvc.devservers import sigterm_leaves
from authsvc.kit.logs import configure_logs

FACES = ("direct", "nginx", "haproxy")


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, flush=True)  # noqa: T201  (a program)


def chosen(only: str, names: Sequence[str], *, short: bool) -> dict[str, list[Case]]:
    """Return the cases whose names hold ``only``, without the slow ones if it is to be ``short``."""
    groups = {
        group: [case for case in cases if only.lower() in case.name.lower()]
        for group, cases in GROUPS.items()
        if group in names and not (short and group == "slow")
    }
    return {group: cases for group, cases in groups.items() if cases}


async def attack(
    faces: Sequence[str], groups: Mapping[str, Sequence[Case]], outsiders: Path | None = None
) -> Tally:
    """Fire the cases at each face."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="authsvc-attack-") as name, sigterm_leaves():
        for face in faces:
            folder = Path(name, face)
            await asyncio.to_thread(folder.mkdir)
            async with AsyncExitStack() as stack:
                run = await stack.enter_async_context(attacked(folder, behind_a_proxy=face != "direct"))
                battery = Battery(run, face, run.places, tally, say=say)
                if face != "direct":
                    front = await stack.enter_async_context(proxied(face, folder, run.places))
                    battery = replace(battery, places=front.places, proxied=True, logs=front.logs)
                await battery.fire(groups)
                if face == "direct" and outsiders:
                    tally.outsiders_agree = await _ask_outsiders(outsiders, run)
    return tally


async def _ask_outsiders(python: Path, run: Attacked) -> bool:
    verified = await verified_elsewhere(python, run.folder, say)
    return await asked_by_schemathesis(python, run, say) and verified


def report(tally: Tally) -> None:
    """Print every finding, and the table."""
    for finding in tally.findings:
        say(f"\n{finding}")
    say(f"\n{'':<20}" + "".join(f"{face:>20}" for face in dict.fromkeys(face for face, _ in tally.cases)))
    for group in dict.fromkeys(group for _, group in tally.cases):
        cells = [
            f"{tally.cases[face, group]:>13} / {tally.of(face, group):<4}"
            for face in dict.fromkeys(face for face, _ in tally.cases)
        ]
        say(f"{group:<20}" + "".join(cells))
    say(f"\n{sum(tally.cases.values())} cases (cases / failed above), {len(tally.findings)} findings")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Attack the service with hostile requests.")
    parser.add_argument("--face", action="append", choices=FACES, help="only this one (all by default)")
    parser.add_argument("--only", default="", help="only cases whose name holds this")
    parser.add_argument("--group", action="append", choices=GROUPS, help="only this one (all by default)")
    parser.add_argument("--short", action="store_true", help="directly, and without the slow cases")
    parser.add_argument("--outsiders", type=Path, help="a Python that has joserfc and schemathesis beside it")
    given = parser.parse_args()
    configure_logs("error", "json")
    faces = given.face or (["direct"] if given.short else FACES)
    for missing in [face for face in faces if face != "direct" and not is_installed(face)]:
        say(f"{missing} is not installed: left out")
    faces = [face for face in faces if face == "direct" or is_installed(face)]
    whole = not (given.only or given.group or given.short)
    outsiders = given.outsiders.absolute() if whole and given.outsiders else None
    tally = asyncio.run(
        attack(faces, chosen(given.only, given.group or list(GROUPS), short=given.short), outsiders)
    )
    report(tally)
    sys.exit(1 if tally.findings or not tally.cases or not tally.outsiders_agree else 0)
