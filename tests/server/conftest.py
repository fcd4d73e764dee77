from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI
from tests.cli.running import SECRET, Running, environment, free_port, started
from tests.server.beside import Server
from tests.server.beside import serving as serving_here

from authsvc.settings import Settings

SETTINGS = {
    "secret_key": SECRET,
    "database_url": "sqlite+aiosqlite:///none.db",
    "redis_url": "redis://127.0.0.1:1",
}


@pytest.fixture(scope="session", params=["1", "2"], ids=["one worker", "two workers"])
def serving(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """``authsvc serve``, without anything behind it: what is tested here does not come that far."""
    env = environment(**SETTINGS, port=str(free_port()), workers=request.param)
    with started("serve", tmp_path_factory.mktemp("serving"), env) as service:
        service.wait_until_said('"event": "listening"', 1)
        yield service
        assert "Traceback" not in service.said
        assert '"event": "defect"' not in service.said


@pytest.fixture
def port(serving: Running) -> int:
    return int(serving.url.rpartition(":")[2])


@pytest.fixture
async def server(app: FastAPI, settings: Settings) -> AsyncIterator[Server]:
    async with serving_here(app, settings) as server:
        yield server
