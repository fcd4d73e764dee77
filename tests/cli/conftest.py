from collections.abc import AsyncIterator

import pytest
from tests.cli.running import SECRET, environment
from tests.support.stores import Urls

from authsvc.devservers import DevServers
from authsvc.kit.database import Database
from authsvc.migrations import migrate


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Urls]:
    """PostgreSQL with the schema, and Valkey."""
    async with DevServers(tmp_path_factory.mktemp("servers"), durable=False) as started:
        database = Database(started.database_url)
        await migrate(database)
        await database.close()
        yield Urls(started.database_url, started.redis_url)


@pytest.fixture
def env(servers: Urls) -> dict[str, str]:
    """What an operator would set."""
    return environment(secret_key=SECRET, database_url=servers.database, redis_url=servers.redis)
