from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url, text
from tests.support.stores import Urls

from authsvc.kit.database import Database, DatabaseLimits

PATIENT = DatabaseLimits(pool_timeout=30, command_timeout=30)


@pytest.fixture
async def database(places: Urls | Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A database without any table."""
    if isinstance(places, Path):
        empty = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}", PATIENT)
        yield empty
        await empty.close()
        return
    name = f"empty_{uuid4().hex}"
    server = Database(places.database)
    async with server.read() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    empty = Database(make_url(server.url).set(database=name).render_as_string(hide_password=False), PATIENT)
    yield empty
    await empty.close()
    async with server.read() as connection:
        await connection.execute(text(f"DROP DATABASE {name}"))
    await server.close()
