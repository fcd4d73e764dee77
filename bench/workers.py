"""Workers: whether two of them cost more for each request than one."""

import asyncio
import statistics

import load
import targets
from findings import Finding
from load import Slice
from pairs import Ask, interleave, reached
from plan import Plan
from servers import CORES, LOAD_CORE, Served
from world import World

_ROUNDS = 13
_SESSIONS = 1_000
_TOKENS = 256
_MOST_TRIES = 60
_RESTING = 0.1  # seconds of processor time in half a second


async def measure(this: World, plan: Plan) -> list[Finding]:
    """Return what a request costs with two workers, in terms of what it costs with one.

    Of two, one shares its core with the load, which costs. So the one is measured on either core. Each has as
    many connections, and more than elsewhere: two workers never get the same share of them, and with few it
    counts how many there are.
    """
    plan.say("two workers against one")
    await this.populate(_SESSIONS)
    tokens = this.access_tokens(_TOKENS)

    def ask(server: Served, workers: int = 1) -> Slice:
        connections = 2 * plan.connections * workers
        return load.run(server, "GET", "/user", tokens, connections=connections, seconds=1, core=LOAD_CORE)

    with (
        this.authsvc() as apart,
        this.authsvc(cores=(LOAD_CORE,)) as beside,
        this.authsvc(cores=CORES, workers="2") as two,
    ):
        await _until_ready(two, lambda: ask(two, 2))
        two.spread(CORES)
        found = await interleave(
            plan,
            {
                "two": lambda: ask(two, 2),
                "apart": lambda: ask(apart),
                "beside": lambda: ask(beside),
            },
            rounds=plan.some(_ROUNDS, 3),
        )
    one = [(a.cost + b.cost) / 2 for a, b in zip(found["apart"], found["beside"], strict=True)]
    rates = [f"{statistics.median(s.rate for s in found[name]):.0f}" for name in found]
    note = f"{rates[0]} a second; one worker {rates[1]} on a core of its own, {rates[2]} on that of the load"
    return [reached(targets.WORKERS, [s.cost / c for s, c in zip(found["two"], one, strict=True)], note=note)]


async def _until_ready(server: Served, ask: Ask) -> None:
    """Ask until it answers and rests when nobody asks: workers start after the first process listens."""
    for _ in range(_MOST_TRIES):
        found = await asyncio.to_thread(ask)
        before = server.cpu()
        await asyncio.sleep(0.5)
        if found.asked and server.cpu() - before < _RESTING:
            return
    raise RuntimeError("the workers did not get ready")
