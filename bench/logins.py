"""Logins: what they add to the hash itself, and what is left of them when the core is wanted by others."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager

import targets
from asks import LOGIN, Asks
from findings import Finding
from load import Slice
from pairs import Ask, Curve, interleave, ratio, reached
from peer_tokens import Tutorial
from plan import Plan
from servers import SERVER_CORE, Served, pinned
from world import PEERS_PYTHON, World

CONNECTIONS = 4  # enough that a hash always waits for its turn
HASH = "raw ASGI and argon2"
_USERS = 400
_SETTLED = 0.5  # seconds until a load is there


async def measure(this: World, plan: Plan) -> list[Finding | Curve]:
    """Measure logins beside the bare hash and beside the tutorial."""
    await this.populate(400)
    lines = await this.logins(_USERS)
    with ExitStack() as running:
        asks = Asks(this, CONNECTIONS, 2)
        floors = running.enter_context(this.floors())
        authsvc = running.enter_context(this.authsvc())
        each = {HASH: asks.hash(floors), LOGIN: asks.log_in(authsvc, lines)}
        plan.say("/login beside the bare hash")
        found = await interleave(plan, each, rounds=plan.some(10, 2))
        if PEERS_PYTHON.exists() and not plan.quick:
            tutorial = running.enter_context(this.peer("tutorial"))
            sessions = Tutorial(tutorial, this.settings.redis_url.get_secret_value())
            running.callback(sessions.close)
            its = {"tutorial, POST /login": asks.log_in(tutorial, sessions.logins, kind="form")}
            found |= await interleave(plan, its, rounds=2)
        parts = f"{_parts('a login', authsvc, each[LOGIN])}; {_parts('raw ASGI', floors, each[HASH])}"
    return [
        ratio(targets.LOGIN, found[LOGIN], found[HASH], note=parts),
        *(Curve.of(name, CONNECTIONS, slices) for name, slices in found.items()),
    ]


async def pressed(this: World, plan: Plan) -> list[Finding | Curve]:
    """Measure logins alone, while readers saturate the core, and beside a busy process."""
    await this.populate(400)
    lines = await this.logins(_USERS)
    with this.authsvc() as authsvc:
        seconds = 2 if plan.quick else 3
        alone = Asks(this, CONNECTIONS, seconds).log_in(authsvc, lines)
        readers = Asks(this, plan.connections, seconds + 1).user(authsvc)
        plan.say("logins while readers saturate the core, and beside a busy process")
        found = await interleave(
            plan,
            {"alone": alone, "readers": _while(readers, alone), "busy": _within(_busy_process, alone)},
            rounds=plan.some(4, 2),
            warm_up=False,
        )
    fewest = [min(each.asked for each in found["readers"] + found["busy"])]
    return [
        ratio(targets.LOGIN_SATURATED, found["readers"], found["alone"], note=_rates(found["readers"])),
        ratio(targets.LOGIN_BUSY, found["busy"], found["alone"], note=_rates(found["busy"])),
        reached(targets.LOGIN_NEVER_0, fewest),
    ]


def _parts(name: str, server: Served, ask: Ask) -> str:
    """Return what of the processor time of a request is the event loop's, and what the hashing thread's."""
    loop, all_of_it = server.loop_cpu(), server.cpu()
    found = ask()
    each = found.asked - found.failed
    loop, all_of_it = server.loop_cpu() - loop, server.cpu() - all_of_it
    return f"{name}: hash {(all_of_it - loop) / each * 1000:.1f} ms, event loop {loop / each * 1000:.1f} ms"


def _while(load: Ask, ask: Ask) -> Ask:
    def asked() -> Slice:
        with ThreadPoolExecutor(1) as thread:
            loading = thread.submit(load)
            time.sleep(_SETTLED)
            found = ask()
            loading.result()
            return found

    return asked


def _within(around: Callable[[], "AbstractContextManager[None]"], ask: Ask) -> Ask:
    def asked() -> Slice:
        with around():
            return ask()

    return asked


@contextmanager
def _busy_process() -> Iterator[None]:
    """Keep the server's core busy, at normal priority."""
    busy = subprocess.Popen([*pinned(SERVER_CORE), sys.executable, "-c", "while True: pass"])  # noqa: S603  (ours)
    try:
        time.sleep(_SETTLED)
        yield
    finally:
        busy.kill()
        busy.wait()


def _rates(slices: list[Slice]) -> str:
    return "logins/s: " + ", ".join(f"{each.rate:.1f}" for each in slices)
