"""Race the service against itself: python -m tests.races [--rounds 10000] [--seed 1]."""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.races.race import race
from tests.races.service import run_service
from tests.support.stores import Urls

from authsvc.devservers import DevServers, sigterm_leaves
from authsvc.kit.database import Database
from authsvc.kit.logs import configure_logs
from authsvc.migrations import migrate

_EVERY = 5.0  # seconds between two lines of progress


class Progress:
    """Says now and then how far it is."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._began = self._told = time.monotonic()

    def __call__(self, done: int) -> None:
        """Tell, unless it was told just now."""
        if time.monotonic() - self._told >= _EVERY:
            self._told = time.monotonic()
            print(f"{done:>7} of {self._rounds} rounds, {self.seconds:.0f} s", flush=True)  # noqa: T201  (a program)

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began


async def main(rounds: int, seed: int) -> bool:
    """Start the servers, race, and print a line for each promise; tell whether all hold."""
    with tempfile.TemporaryDirectory(prefix="authsvc-races-") as name, sigterm_leaves():
        folder = Path(name)
        async with DevServers(folder / "servers", durable=False) as servers:
            database = Database(servers.database_url)
            await migrate(database)
            await database.close()
            urls = Urls(servers.database_url, servers.redis_url)
            async with run_service(urls, secrets.token_urlsafe(48), folder) as service:
                progress = Progress(rounds)
                history, verdicts = await race(service, rounds, seed=seed, progress=progress)
    operations = sum(map(len, history.operations.values())) + len(history.acts)
    print(  # noqa: T201  (a program)
        f"\n{rounds} rounds, {len(history.operations)} sessions, {operations} operations over two instances "
        f"in {progress.seconds:.0f} s, {history.put_off} put off (503); seed {seed}\n"
    )
    print(*verdicts, sep="\n")  # noqa: T201  (a program)
    return all(verdict.holds for verdict in verdicts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Race two instances of the service against themselves.")
    parser.add_argument("--rounds", type=int, default=10_000, help="how many (10000 by default)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="which ones")
    given = parser.parse_args()
    configure_logs("error", "json")
    sys.exit(0 if asyncio.run(main(given.rounds, given.seed)) else 1)
