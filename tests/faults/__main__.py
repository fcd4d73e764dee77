"""Break everything that the service depends on, one after the other: python -m tests.faults [--list]."""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults.campaign import Campaign, Result
from tests.faults.catalogue import FAULTS
from tests.faults.fault import Fault
from tests.faults.report import document, line, summary
from tests.faults.stack import run_stack

from authsvc.devservers import sigterm_leaves
from authsvc.kit.logs import configure_logs


async def main(chosen: list[type[Fault]], seed: int, log: Path | None) -> list[Result]:
    """Run the faults; print a line for each."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="authsvc-faults-") as name, sigterm_leaves():
        folder = Path(name)
        try:
            async with run_stack(folder) as stack:
                campaign = Campaign(stack, seed=seed)
                for number, fault in enumerate(chosen, 1):
                    result = await campaign.run(fault())
                    results.append(result)
                    print(line(result, number, len(chosen)), flush=True)  # noqa: T201  (a program)
                await campaign.close()
        finally:
            if log is not None:
                await asyncio.to_thread(shutil.copy, folder / "service.log", log)
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only this fault; may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="list the faults")
    parser.add_argument("--seed", type=int, default=1, help="of what users choose to do")
    parser.add_argument("--json", type=Path, help="write the results there too")
    parser.add_argument("--log", type=Path, help="keep the log of the service there")
    parser.add_argument("--write", type=Path, help="write the table there, as in docs/faults.md")
    given = parser.parse_args()
    if given.list:
        for each in FAULTS:
            print(f"{each.name:<32}{each.sentence}")  # noqa: T201  (a program)
        sys.exit(0)
    if unknown := set(given.only) - {each.name for each in FAULTS}:
        parser.error(f"there is no fault {', '.join(sorted(unknown))}; see --list")
    configure_logs("error", "json")
    wanted = [each for each in FAULTS if not given.only or each.name in given.only]
    found = asyncio.run(main(wanted, given.seed, given.log))
    print(summary(found))  # noqa: T201  (a program)
    if given.json:
        given.json.write_text(json.dumps([each.as_json() for each in found], indent=1) + "\n")
    if given.write:
        given.write.write_text(document(found))
    sys.exit(0 if all(each.holds for each in found) else 1)
