"""The real service for tests that are not coroutines: its flows, its stores and an event loop of its own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from tests.support.clock import SettableClock
from tests.support.stores import Urls, assert_keys_fit, open_postgres, open_redis, open_sqlite

from authsvc.errors import AuthsvcError
from authsvc.keyspace import Keyspace
from authsvc.kit.database import Database
from authsvc.kit.redis import RedisClient
from authsvc.sessions.session import Lifetimes
from authsvc.settings import Settings
from authsvc.users.tables import users
from authsvc.wiring import Flows, wire

T = TypeVar("T")

LIFETIMES = Lifetimes(
    idle_ttl=timedelta(hours=2),
    absolute_ttl=timedelta(hours=5),
    grace=timedelta(seconds=10),
    max_replays=5,
    max_per_user=3,
)


@dataclass(frozen=True)
class World:
    runner: asyncio.Runner
    settings: Settings
    flows: Flows
    database: Database
    redis: RedisClient
    clock: SettableClock

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what ``work`` returns."""
        return self.runner.run(work)

    def attempt(self, *works: Coroutine[Any, Any, T]) -> list[T | AuthsvcError]:
        """Do all of it at once; return what each returned, or what it was refused with."""
        return self.runner.run(_attempt(works))

    def meet_another_server(self) -> None:
        """Make the service believe that it talks to a Redis server that it has not seen before."""
        self.redis._met.add(f"promoted at {self.clock()}")

    def usernames(self) -> list[str]:
        """Return the canonical usernames of all rows."""
        return self.run(_usernames(self.database))


@contextmanager
def open_world(settings: Settings, places: Urls | Path, folder: Path) -> Iterator[World]:
    settings = settings.model_copy(
        update={
            "session_idle_ttl": LIFETIMES.idle_ttl,
            "session_absolute_ttl": LIFETIMES.absolute_ttl,
            "refresh_grace": LIFETIMES.grace,
            "refresh_max_replays": LIFETIMES.max_replays,
            "sessions_per_user": LIFETIMES.max_per_user,
        }
    )
    with asyncio.Runner() as runner:
        opening = _open(settings, places, folder)
        database, redis, flows, clock = runner.run(anext(opening))
        yield World(runner, settings, flows, database, redis, clock)
        runner.run(assert_keys_fit(redis, Keyspace()))
        runner.run(anext(opening, None))


async def _open(
    settings: Settings, places: Urls | Path, folder: Path
) -> AsyncGenerator[tuple[Database, RedisClient, Flows, SettableClock], None]:
    redis_url = places.redis if isinstance(places, Urls) else ""
    async with _open_database(places, folder) as database, open_redis(redis_url) as redis:
        clock = SettableClock()
        flows = wire(settings, database, redis, clock)
        await flows.maintain()
        redis._met.add("the first server")  # a stand-in has no name of its own
        yield database, redis, flows, clock
        flows.hasher.close()


@asynccontextmanager
async def _open_database(places: Urls | Path, folder: Path) -> AsyncIterator[Database]:
    if isinstance(places, Urls):
        opened = open_postgres(places.database)
    else:
        opened = open_sqlite(places, folder / "authsvc.db")
    async with opened as database:
        yield database


async def _attempt(works: tuple[Coroutine[Any, Any, T], ...]) -> list[T | AuthsvcError]:
    outcomes: list[T | AuthsvcError] = []
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, AuthsvcError):
            raise outcome
        outcomes.append(outcome)
    return outcomes


async def _usernames(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(select(users.c.username_key))).scalars())
