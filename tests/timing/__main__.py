"""Whether the time of a refused login tells why: python -m tests.timing [--samples 400] [--seed 1].

Not a test: timings depend on what else the machine does. Run it on a quiet one.
"""

import argparse
import asyncio
import secrets
import sys

from tests.timing.compare import compare
from tests.timing.measure import BASELINE, measure, service

from authsvc.devservers import sigterm_leaves
from authsvc.kit.logs import configure_logs


async def main(samples: int, seed: int) -> bool:
    """Print a line for each reason to refuse; tell whether none can be told from an unknown user."""
    with sigterm_leaves():
        async with service(secrets.token_urlsafe(48)) as (url, names):
            await asyncio.to_thread(measure, url, names, 8, seed)  # warm, and met a hash of the cost before
            times = await asyncio.to_thread(measure, url, names, samples, seed)
    print(f"{samples} samples of each, in turns, against an unknown user; seed {seed}\n")  # noqa: T201  (a program)
    verdicts = [compare(kind, times[kind], times[BASELINE]) for kind in names if kind != BASELINE]
    print(*verdicts, sep="\n")  # noqa: T201  (a program)
    return all(verdict.holds for verdict in verdicts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare the times in which logins are refused.")
    parser.add_argument("--samples", type=int, default=400, help="of each kind (400 by default)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="the order")
    given = parser.parse_args()
    configure_logs("error", "json")
    sys.exit(0 if asyncio.run(main(given.samples, given.seed)) else 1)
