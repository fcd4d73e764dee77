"""How near the hot paths are to what the machine allows, and how far from what others do on it."""

from collections.abc import Mapping
from contextlib import ExitStack

import targets
from asks import F1, FASTAPI_USERS, NEVER_SEEN, REFRESH, TUTORIAL_REFRESH, TUTORIAL_USER, USER, Asks
from findings import Finding
from load import Slice
from pairs import Ask, Curve, interleave, ratio
from peer_tokens import Tutorial, fastapi_users_tokens
from plan import Plan
from servers import Served
from world import PEERS_PYTHON, SOURCE, World

ROTATE = "raw ASGI and EVALSHA"
SIGN = "the same and a signature"
_COSTS = ((USER, F1), (NEVER_SEEN, F1), (REFRESH, ROTATE), (REFRESH, SIGN))
_FLOORS = {"raw ASGI": "/raw", F1: "/look_up", ROTATE: "/rotate", SIGN: "/sign"}


async def measure(this: World, plan: Plan) -> list[Finding | Curve]:
    """Measure readers and refreshes beside their floors."""
    found: dict[str, list[Slice]] = {}
    await this.populate(plan.sessions)
    with ExitStack() as running:
        floors = running.enter_context(this.floors())
        authsvc = running.enter_context(this.authsvc())
        asks = Asks(this, plan.connections)
        rounds = plan.some(12, 3)
        plan.say("GET /user beside its floor")
        with this.authsvc() as another:  # thousands of new tokens would displace those that were seen
            found |= await interleave(plan, {
                F1: asks.floor(floors, "/look_up"),
                USER: asks.user(authsvc),
                NEVER_SEEN: asks.user_with_new_tokens(another),
            }, rounds=rounds)  # fmt: skip
        plan.say("/refresh_jwt beside its floor")
        trades = {ROTATE: asks.floor(floors, "/rotate"), REFRESH: asks.refresh(authsvc)}
        if not plan.quick:
            trades |= {SIGN: asks.floor(floors, "/sign")}
        found |= await interleave(plan, trades, rounds=rounds)
    user, refresh, look_up, rotate = (found[n] for n in (USER, REFRESH, F1, ROTATE))
    return [
        ratio(targets.USER, user, look_up),
        ratio(targets.NEVER_SEEN, found[NEVER_SEEN], look_up),
        ratio(targets.USER_P99, user, look_up, "p99"),
        ratio(targets.REFRESH, refresh, rotate),
        *(Curve.of(name, plan.connections, slices) for name, slices in found.items()),
    ]


async def beside_peers(this: World, plan: Plan) -> list[Finding | Curve]:
    """Measure the same calls beside those of the peers, in their own environment."""
    if not PEERS_PYTHON.exists():
        why = "the peers' environment is missing: make bench makes it"
        peers = (targets.USER_TUTORIAL, targets.USER_FASTAPI_USERS, targets.REFRESH_TUTORIAL)
        return [each.missing(why) for each in peers]
    await this.populate(plan.sessions)
    with ExitStack() as running:
        authsvc = running.enter_context(this.authsvc())
        tutorial = running.enter_context(this.peer("tutorial"))
        fastapi_users = running.enter_context(this.peer("fastapi_users_redis"))
        sessions = Tutorial(tutorial, this.settings.redis_url.get_secret_value())
        running.callback(sessions.close)
        asks = Asks(this, plan.connections)
        plan.say("the same beside the peers")
        found = await interleave(plan, {
            USER: asks.user(authsvc),
            TUTORIAL_USER: asks.peer_user(tutorial, sessions.tokens("access", 256)),
            FASTAPI_USERS: asks.peer_user(fastapi_users, fastapi_users_tokens(fastapi_users, 16)),
        }, rounds=plan.some(5, 2))  # fmt: skip
        if not plan.quick:
            found |= await interleave(plan, {
                REFRESH: asks.refresh(authsvc),
                TUTORIAL_REFRESH: asks.tutorial_refresh(tutorial, sessions),
            }, rounds=plan.some(5, 2))  # fmt: skip
    return [
        ratio(targets.USER_TUTORIAL, found[USER], found[TUTORIAL_USER]),
        ratio(targets.USER_FASTAPI_USERS, found[USER], found[FASTAPI_USERS]),
        *([] if plan.quick else [ratio(targets.REFRESH_TUTORIAL, found[REFRESH], found[TUTORIAL_REFRESH])]),
        *(Curve.of(name, plan.connections, slices) for name, slices in found.items() if "," in name),
    ]


async def compare(this: World, plan: Plan) -> list[Finding | Curve]:
    """Measure chosen paths, of this tree and perhaps of another one, beside all floors."""
    await this.populate(plan.sessions)
    trees = {"": SOURCE} | ({"against: ": plan.against.resolve()} if plan.against else {})
    with ExitStack() as running:
        floors = running.enter_context(this.floors())
        servers = {name: running.enter_context(this.authsvc(source)) for name, source in trees.items()}
        asks = _chosen(Asks(this, plan.connections), floors, servers, plan.only)
        plan.say("the chosen paths in turn: " + ", ".join(asks))
        found = await interleave(plan, asks, rounds=plan.some(7, 7))
    return [
        *(Curve.of(name, plan.connections, slices) for name, slices in found.items()),
        *(finding for tree in trees for finding in _compared(found, tree)),
    ]


def _chosen(asks: Asks, floors: Served, servers: Mapping[str, Served], only: str) -> dict[str, Ask]:
    chosen = {name: asks.floor(floors, path) for name, path in _FLOORS.items()}
    for tree, server in servers.items():
        chosen[f"{tree}{USER}"] = asks.user(server)
        chosen[f"{tree}{NEVER_SEEN}"] = asks.user_with_new_tokens(server)
        chosen[f"{tree}{REFRESH}"] = asks.refresh(server)
    return {name: ask for name, ask in chosen.items() if only in name or name in {F1, ROTATE}}


def _compared(found: Mapping[str, list[Slice]], tree: str) -> list[Finding]:
    """Return rate, p99 and processor time over the floors, and over this tree for another one."""
    lines = []
    for path, floor in _COSTS:
        above = found.get(tree + path)
        for below in [floor] if not tree else [floor, path]:
            if not above or below not in found:
                continue
            for figure in ("rate", "p99", "cost"):
                line = targets.Target(f"{tree}{path} ÷ {below}, {figure}", None)
                lines.append(ratio(line, above, found[below], figure))
    return lines
