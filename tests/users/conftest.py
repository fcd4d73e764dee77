from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest
from sqlalchemy import update
from tests.support.clock import SettableClock

from authsvc.kit.database import Database, DatabaseLimits
from authsvc.users.store import UserStore
from authsvc.users.tables import users


@pytest.fixture
async def database(database: Database) -> AsyncIterator[Database]:
    """The same database with more patience, because these tests queue up on purpose."""
    patient = Database(database.url, DatabaseLimits(pool_timeout=30, command_timeout=30))
    yield patient
    await patient.close()


@pytest.fixture
def store(database: Database, clock: SettableClock) -> UserStore:
    return UserStore(database, clock)


@pytest.fixture
def verify_email(database: Database) -> Callable[[UUID], Awaitable[None]]:
    """Make an address verified; the service has no verb for it yet."""

    async def verify(user_id: UUID) -> None:
        async with database.write() as connection:
            await connection.execute(update(users).where(users.c.id == user_id).values(email_verified=True))

    return verify
