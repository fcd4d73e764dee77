"""What an operator's commands do: each opens what it needs, does one thing and closes it again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from authsvc.app import connect
from authsvc.cli.failures import CommandFailed, sentence
from authsvc.environment import describe, load
from authsvc.kit.clock import utc_now
from authsvc.kit.database import Database
from authsvc.kit.logs import configure_logs
from authsvc.kit.outage import Outage
from authsvc.migrations import migrate, pending
from authsvc.settings import Settings
from authsvc.users.user import User
from authsvc.wiring import Flows, wire

T = TypeVar("T")

_HALF_DONE = (
    "The user is disabled and cannot log in or refresh, but access tokens may be accepted until they expire. "
    "Run this command again to complete it."
)


def migrate_schema() -> list[str]:
    """Apply what is missing; return the revisions that were applied."""
    settings = _load()
    return asyncio.run(bring_up_to_date(settings))


async def bring_up_to_date(settings: Settings) -> list[str]:
    """Apply what is missing to the database of ``settings``."""
    database = Database(settings.database_url.get_secret_value())
    try:
        return await migrate(database)
    finally:
        await database.close()


def settings_table() -> str:
    """Return all settings as a Markdown table."""
    rows = [f"| `{name}` | {default} | {description} |" for name, default, description in describe()]
    return "\n".join(["| variable | default | |", "|---|---|---|", *rows])


def set_user_disabled(login: str, *, disabled: bool) -> str:
    """Disable or enable; return the username."""

    async def change(flows: Flows) -> User | None:
        try:
            return await flows.set_user_disabled(login, disabled=disabled)
        except Outage as outage:
            if outage.dependency != "redis":
                raise
            # The database comes first, so that much is done.
            raise CommandFailed(f"{sentence(outage)} {_HALF_DONE}") from outage

    user = with_flows(change)
    if user is None:
        raise CommandFailed("There is no such user.")
    return user.username


def rotate_signing_key() -> datetime | None:
    """Publish a new key; return when it begins to sign, None if one is waiting already."""

    async def rotate(flows: Flows) -> datetime | None:
        await flows.key_ring.refresh()  # refuses a secret that the other keys were not encrypted with
        return await flows.rotate_signing_key()

    return with_flows(rotate)


@contextlib.asynccontextmanager
async def open_flows(settings: Settings) -> AsyncIterator[tuple[Flows, Database]]:
    """Give every verb, with connections of its own."""
    database, redis = connect(settings)
    flows = wire(settings, database, redis, utc_now)
    try:
        yield flows, database
    finally:
        flows.hasher.close()
        await redis.close()
        await database.close()


def _load() -> Settings:
    settings = load()
    settings.refuse_insecure_stores()
    configure_logs("error", settings.log_format)  # what went wrong is told in a sentence
    return settings


def with_flows(act: Callable[[Flows], Awaitable[T]]) -> T:
    """Do something with every verb at hand; CommandFailed if the schema is not up to date."""
    settings = _load()

    async def run() -> T:
        async with open_flows(settings) as (flows, database):
            if await pending(database):
                raise CommandFailed("The database's schema is not up to date. Run `authsvc migrate` first.")
            return await act(flows)

    return asyncio.run(run())
