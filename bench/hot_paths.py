"""How near the hot paths are to what the machine allows: ``python bench/hot_paths.py``.

Slices of one second of each are measured in turn (A B C A B C …), since machines are noisy, and the medians
of the ratios are told. ``--against DIR`` measures another source tree (a folder that holds ``authsvc``) too.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import load
from world import LOAD_CORE, SERVER_CORE, World, world

HERE = Path(__file__).parents[1] / "src"
_UNSURE = 512
_WORDS = {True: "holds", False: "MISSED"}
Ask = Callable[[], load.Slice]


@dataclass(frozen=True)
class Target:
    """One line of the answer: a path over a floor, and what it should reach."""

    path: str
    floor: str
    figure: str  # "rate" (at least), "p99" or "cost" (at most)
    wanted: float


TARGETS = (
    Target("/user", "/look_up", "rate", 0.75),
    Target("/user", "/look_up", "p99", 3.0),
    Target("/user, never-seen tokens", "/look_up", "rate", 0.10),
    Target("/refresh_jwt", "/rotate", "rate", 0.25),
    Target("/user", "/look_up", "cost", 1 / 0.75),
    Target("/user, never-seen tokens", "/look_up", "cost", 10.0),
    Target("/refresh_jwt", "/rotate", "cost", 4.0),
    Target("/refresh_jwt", "/sign", "cost", 2.5),
)


class Bench:
    """The slices of one round, by name."""

    def __init__(self, this: World, connections: int) -> None:
        self._world = this
        self._connections = connections

    def floor(self, port: load.Served, path: str) -> Ask:
        tokens = self._world.access_tokens(256)
        method = "GET" if path in {"/raw", "/look_up"} else "POST"
        return lambda: self._run(port, method, path, tokens)

    def user(self, port: load.Served) -> Ask:
        tokens = self._world.access_tokens(256)
        return lambda: self._run(port, "GET", "/user", tokens)

    def user_with_new_tokens(self, port: load.Served) -> Ask:
        return lambda: self._run(port, "GET", "/user", self._world.access_tokens(9000))

    def refresh(self, port: load.Served) -> Ask:
        def ask() -> load.Slice:
            found = self._run(port, "POST", "/refresh_jwt", self._world.refresh_tokens(20_000))
            self._world.traded(found.asked, unsure=_UNSURE)
            return found

        return ask

    def _run(self, port: load.Served, method: str, path: str, tokens: list[str]) -> load.Slice:
        found = load.run(port, method, path, tokens, connections=self._connections, seconds=1, core=LOAD_CORE)
        if found.failed:
            sys.exit(f"{method} {path}: {found.failed} of {found.asked} failed")
        return found


async def measure(rounds: int, connections: int, against: Path | None, only: str) -> bool:
    trees = {"": HERE} | ({"against: ": against} if against else {})
    found: defaultdict[str, list[load.Slice]] = defaultdict(list)
    async with world() as this:
        if not only or "refresh" in only:
            await this.populate(30_000)
        else:
            await this.populate(400)
        bench = Bench(this, connections)
        with contextlib.ExitStack() as running:
            floors = running.enter_context(this.floors())
            asks = {path: bench.floor(floors, path) for path in ("/raw", "/look_up", "/rotate", "/sign")}
            for name, source in trees.items():
                port = running.enter_context(this.authsvc(source.resolve()))
                asks[f"{name}/user"] = bench.user(port)
                asks[f"{name}/user, never-seen tokens"] = bench.user_with_new_tokens(port)
                asks[f"{name}/refresh_jwt"] = bench.refresh(port)
            if only:
                asks = {
                    name: ask for name, ask in asks.items() if only in name or name in {"/look_up", "/rotate"}
                }
            for number in range(rounds + 1):
                for name, ask in asks.items():
                    measured = await asyncio.to_thread(ask)
                    if number:  # the first round warms up
                        found[name].append(measured)
    return tell(found, list(trees), connections)


def tell(found: dict[str, list[load.Slice]], trees: list[str], connections: int) -> bool:
    """Print the table; return whether every target of this tree holds."""
    print(f"\nc = {connections}, server on core {SERVER_CORE}, load and stores on core {LOAD_CORE}\n")
    for name, slices in found.items():
        rate = statistics.median(s.rate for s in slices)
        p99 = statistics.median(s.p99 for s in slices)
        cost = statistics.median(s.cost for s in slices)
        print(f"{name:40} {rate:9.0f}/s   p99 {p99 * 1000:6.2f} ms  {cost * 1e6:6.1f} us of CPU each")
    print()
    held = True
    for target in TARGETS:
        for tree in trees:
            pairs = list(zip(found.get(tree + target.path, []), found.get(target.floor, []), strict=False))
            if not pairs:
                continue
            ratios = sorted(getattr(a, target.figure) / getattr(b, target.figure) for a, b in pairs)
            ratio = statistics.median(ratios)
            holds = ratio <= target.wanted if target.figure != "rate" else ratio >= target.wanted
            held = held and (holds or bool(tree))
            name = f"{tree}{target.path} ÷ {target.floor}, {target.figure}"
            spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
            print(f"{name:58} {ratio:6.2f}  ({spread})  target {target.wanted:.2f}: {_WORDS[holds]}")
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--only", default="", help="only paths whose name contains this, and their floors")
    asked = parser.parse_args()
    if not load.has_wrk():
        sys.exit("wrk is not installed")
    sys.exit(not asyncio.run(measure(asked.rounds, asked.connections, asked.against, asked.only)))


if __name__ == "__main__":
    main()
