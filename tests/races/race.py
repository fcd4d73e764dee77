"""Runs rounds of races in a few lanes, and judges what happened."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

from sqlalchemy import func, select
from tests.races.checker import Verdict, judge
from tests.races.history import History
from tests.races.lane import Lane
from tests.races.rounds import WEIGHTS, Race
from tests.races.service import ATTEMPTS, RunningService

from authsvc.users.tables import users

_LANES = 6


async def race(
    service: RunningService, rounds: int, *, seed: int, progress: Callable[[int], None] = lambda _: None
) -> tuple[History, list[Verdict]]:
    """Run ``rounds`` rounds; every kind of race takes part, even in a few rounds."""
    history = History()
    lanes = [Lane(service, history, seed * _LANES + number) for number in range(_LANES)]
    order = _order(lanes[0], rounds)
    done = Counter[str]()

    async def run(lane: Lane) -> None:
        await lane.new_user()
        for chosen in order:  # one iterator for all lanes
            await chosen(lane)
            done[chosen.__name__] += 1
            progress(done.total())

    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            group.create_task(run(lane))
    statement = select(users.c.username_key, func.count()).group_by(users.c.username_key)
    async with service.database.read() as connection:
        history.rows = {row[0]: row[1] for row in (await connection.execute(statement)).all()}
    return history, await asyncio.to_thread(judge, history, limit=ATTEMPTS)


def _order(lane: Lane, rounds: int) -> Iterator[Race]:
    kinds = list(WEIGHTS)
    chosen = lane.random.choices(kinds, list(WEIGHTS.values()), k=max(0, rounds - len(kinds)))
    mixed = [*kinds[:rounds], *chosen]
    lane.random.shuffle(mixed)
    return iter(mixed)
