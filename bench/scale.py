"""Scale: what a session takes, and whether a million of them are as fast as a thousand.

Part of the whole benchmark, and runnable alone: ``python bench/scale.py --sessions 1000000``.
"""

import argparse
import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import chain, islice
from uuid import UUID

import load
import targets
from bulk import Bulk, several_each
from findings import Finding, tell
from pairs import Ask, interleave, ratio, reached
from plan import Plan
from servers import CORES, LOAD_CORE, Served, stay_on
from world import world

from authsvc.app import connect
from authsvc.keyspace import Keyspace
from authsvc.kit.clock import utc_now
from authsvc.kit.redis import RedisClient
from authsvc.sessions.refresh_token import RefreshToken
from authsvc.settings import Settings
from authsvc.wiring import Flows, wire

FEW = 1_000
MANY = 1_000_000
_PER_USER = 3
_WEIGHED = 100_000
_AT_ONCE = 50_000
_ASKED = FEW  # tokens in use: as many on either side, since what is in use is remembered
_REFRESHED = 8_000  # sessions that the refreshes of the many are spread over
_TRADED = 20_000  # in a slice, at most
_ROUNDS = 12
_REFUSED = 0.01


class Crowd:
    """A number of sessions in stores of their own, and the tokens of those that are used."""

    def __init__(self, settings: Settings, flows: Flows, redis: RedisClient, bulk: Bulk) -> None:
        self._flows = flows
        self._redis = redis
        self._bulk = bulk
        self._keys = Keyspace(settings.redis_prefix)
        self._used: list[RefreshToken] = []
        self.number = self._started = 0

    async def grow(self, number: int, plan: Plan, *, in_use: int) -> float:
        """Start ``number`` sessions, three a user; return what each takes in Redis, in bytes.

        Counted are its hash, its share of the index and of the user's record. ``in_use`` of them, drawn at
        random, are those that tokens are made for.
        """
        self.number = number
        users: list[UUID] = []
        while len(users) < -(-number // _PER_USER):
            users += await self._bulk.register(min(_AT_ONCE, -(-number // _PER_USER) - len(users)))
            plan.say(f"{len(users)} users added, for {number} sessions")
        owners = several_each(users, _PER_USER)
        weighed = min(number, _WEIGHED) // _PER_USER
        before = await self._weight()
        await self._start(list(islice(owners, weighed * _PER_USER)), in_use, plan)
        await self._bulk.keep_records(users[:weighed])
        weight = (await self._weight() - before) / (weighed * _PER_USER)
        while rest := list(islice(owners, min(_AT_ONCE, number - self._started))):
            await self._start(rest, in_use, plan)
        while (await self._redis.facts("persistence"))["aof_rewrite_in_progress"] != "0":  # noqa: ASYNC110  (of Valkey)
            await asyncio.sleep(0.2)  # it compacts what it was just told
        return weight

    def access_tokens(self, number: int) -> list[str]:
        issue, now = self._flows.refresh.issue_tokens.access_tokens.issue, utc_now()
        return [issue(token.user_id, token.session_id, now, ("pwd",)) for token in self._used[:number]]

    async def refresh_tokens(self, number: int) -> list[str]:
        """Return refresh tokens in the order of use, beginning where the last ones ended.

        Sessions come again when there are too few of them. What the stores say counts, since nobody knows
        which of the last requests of a slice were served.
        """
        now = await self._settled()
        rounds = range(-(-number // len(now)))
        sign = self._flows.refresh.refresh_tokens.sign
        return [sign(token.at_generation(token.generation + turn)) for turn in rounds for token in now]

    def refreshed(self, number: int) -> None:
        """So many tokens were used: the next slice begins with other sessions."""
        number %= len(self._used)
        self._used = self._used[number:] + self._used[:number]

    async def _settled(self) -> list[RefreshToken]:
        """Return the current token of each session in use, once the server has done what it was asked."""
        keys = [self._keys.session(token.user_id, token.session_id) for token in self._used]
        before: list[bytes] = []
        while True:
            found = await asyncio.gather(*(self._redis.execute("HGET", key, "g") for key in keys))
            if found == before:
                break
            before = found
        alive = [(token, int(g)) for token, g in zip(self._used, found, strict=True) if g is not None]
        self._used = [token for token, _ in alive]
        return [token.at_generation(generation) for token, generation in alive]

    async def _start(self, owners: Sequence[UUID], in_use: int, plan: Plan) -> None:
        """Start a session for each, and remember as many of them as are their share of those in use.

        All of a user or none, so that as many sessions in use are of as many users in a crowd of any size.
        """
        started = await self._bulk.start(owners)
        self._started += len(started)
        share = in_use * self._started // self.number - len(self._used)
        whole = [started[i : i + _PER_USER] for i in range(0, len(started), _PER_USER)]
        self._used += chain.from_iterable(random.sample(whole, share // _PER_USER))
        plan.say(f"{self._started} of {self.number} sessions started")

    async def _weight(self) -> int:
        return int((await self._redis.facts("memory"))["used_memory"])


@asynccontextmanager
async def crowd(settings: Settings) -> AsyncIterator[Crowd]:
    """Open the stores of ``settings``, which hold no session yet."""
    settings = settings.model_copy(
        update={"database_timeout": timedelta(minutes=5)}
    )  # much is written at once
    database, redis = connect(settings)
    flows = wire(settings, database, redis, utc_now)
    try:
        await flows.maintain()
        yield Crowd(settings, flows, redis, Bulk(settings, database, flows.log_in.users))
    finally:
        flows.hasher.close()
        await redis.close()
        await database.close()


async def compare_crowds(plan: Plan, sessions: int = MANY) -> list[Finding]:
    """Return what a session takes, and how ``sessions`` fare beside a thousand."""
    async with contextlib.AsyncExitStack() as open_:
        worlds = [await open_.enter_async_context(world()) for _ in range(2)]
        few, many = [await open_.enter_async_context(crowd(each.settings)) for each in worlds]
        stay_on(*CORES)  # nothing is measured yet
        await few.grow(FEW, plan, in_use=FEW)
        weight = await many.grow(sessions, plan, in_use=min(_REFRESHED, sessions))
        stay_on(LOAD_CORE)
        servers = [open_.enter_context(each.authsvc()) for each in worlds]
        plan.say(f"{sessions} sessions against {FEW}")
        asks: dict[str, Ask] = {}
        crowds = [("few", servers[0], few), ("many", servers[1], many)]
        for name, server, its in crowds:
            asks[f"{name} users"] = _users(server, its, plan)
        for name, server, its in crowds:
            asks[f"{name} refreshes"] = _refreshes(server, its, plan, asyncio.get_running_loop())
        found = await interleave(plan, asks, rounds=plan.some(_ROUNDS, 3))
    note = "" if sessions == MANY else f"with {sessions} sessions, not {MANY}"
    spread = f"spread over {min(_REFRESHED, sessions)} of them; {note}".rstrip("; ")
    return [
        reached(
            targets.MEMORY,
            [weight],
            note=f"{_PER_USER} a user, index and record included; User-Agents of 19 to 135 B",
        ),
        ratio(targets.MILLION_USER, found["many users"], found["few users"], note=note),
        ratio(targets.MILLION_REFRESH, found["many refreshes"], found["few refreshes"], note=spread),
    ]


def _users(server: Served, its: Crowd, plan: Plan) -> Ask:
    tokens = its.access_tokens(_ASKED)
    return lambda: _run(server, "GET", "/user", tokens, plan)


def _refreshes(server: Served, its: Crowd, plan: Plan, loop: asyncio.AbstractEventLoop) -> Ask:
    def ask() -> load.Slice:
        tokens = asyncio.run_coroutine_threadsafe(its.refresh_tokens(_TRADED), loop).result()
        found = _run(server, "POST", "/refresh_jwt", tokens, plan, once=True)
        its.refreshed(found.asked)
        return found

    return ask


def _run(
    server: Served,
    method: str,
    path: str,
    tokens: Sequence[str],
    plan: Plan,
    *,
    once: bool = False,
) -> load.Slice:
    found = load.run(
        server, method, path, list(tokens),
        connections=plan.connections, seconds=1, core=LOAD_CORE, once=once,
    )  # fmt: skip
    # A thousand sessions come round again within a slice; a request that is overtaken by the next one of its
    # session is refused, as it should be.
    if found.failed > found.asked * _REFUSED:
        raise RuntimeError(f"{method} {path}: {found.failed} of {found.asked} failed")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=MANY)
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--connections", type=int, default=64)
    asked = parser.parse_args()
    plan = Plan(rounds=asked.rounds, connections=asked.connections)
    found = asyncio.run(compare_crowds(plan, asked.sessions))
    tell(found)
    sys.exit(not all(each.holds for each in found))


if __name__ == "__main__":
    main()
