"""The curves: requests a second and percentiles under 1, 16, 64 and 256 connections."""

from collections.abc import Callable
from contextlib import ExitStack

from asks import F1, FASTAPI_USERS, LOGGED_OUT, LOGIN, LOGOUT, NEVER_SEEN, REFRESH, TUTORIAL_USER, USER, Asks
from pairs import Ask, Curve, interleave
from peer_tokens import Tutorial, fastapi_users_tokens
from plan import Plan
from servers import Served
from world import PEERS_PYTHON, World

_CONNECTIONS = (1, 16, 64, 256)
_MOST_LOGINS = 64  # one hash computed, 63 waiting; a few more would be turned away
_SECONDS_OF_LOGINS = 2  # with 64 waiting, one takes more than a second
_ROUNDS = 2

Line = Callable[[Asks], Ask]


async def measure(this: World, plan: Plan) -> list[Curve]:
    """Measure every call under every number of connections."""
    curves = []
    with ExitStack() as running:
        lines = await _own(this, running) | _of_peers(this, running)
        for connections in _CONNECTIONS:
            plan.say(f"every call under {connections} connections")
            await this.populate(plan.sessions + _ROUNDS * LOGGED_OUT)
            chosen = {
                name: line(Asks(this, connections, _SECONDS_OF_LOGINS if name == LOGIN else 1))
                for name, line in lines.items()
                if name != LOGIN or connections <= _MOST_LOGINS
            }
            found = await interleave(plan, chosen, rounds=plan.some(_ROUNDS, 1), warm_up=False)
            curves += [Curve.of(name, connections, slices) for name, slices in found.items()]
    return curves


async def _own(this: World, running: ExitStack) -> dict[str, Line]:
    names = await this.logins(400)
    floors, authsvc = running.enter_context(this.floors()), running.enter_context(this.authsvc())
    return {
        F1: lambda asks: asks.floor(floors, "/look_up"),
        USER: lambda asks: asks.user(authsvc),
        NEVER_SEEN: lambda asks: asks.user_with_new_tokens(authsvc),
        REFRESH: lambda asks: asks.refresh(authsvc),
        LOGIN: lambda asks: asks.log_in(authsvc, names),
        LOGOUT: lambda asks: asks.log_out(authsvc),
    }


def _of_peers(this: World, running: ExitStack) -> dict[str, Line]:
    if not PEERS_PYTHON.exists():
        return {}
    tutorial, fastapi_users = (
        running.enter_context(this.peer(n)) for n in ("tutorial", "fastapi_users_redis")
    )
    sessions = Tutorial(tutorial, this.settings.redis_url.get_secret_value())
    running.callback(sessions.close)
    return {
        TUTORIAL_USER: _reads(tutorial, sessions.tokens("access", 256)),
        FASTAPI_USERS: _reads(fastapi_users, fastapi_users_tokens(fastapi_users, 16)),
    }


def _reads(peer: Served, tokens: list[str]) -> Line:
    return lambda asks: asks.peer_user(peer, tokens)
