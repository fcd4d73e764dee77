import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from tests.support.service import Service
from tests.support.stores import open_sqlite

from authsvc.app import create_app
from authsvc.kit.redis import RedisClient
from authsvc.settings import Settings

Open = Callable[[str], AbstractAsyncContextManager[Service]]


@pytest.fixture
def open_service(settings: Settings, places: Path, tmp_path: Path) -> Open:
    """Return a way to open the service on a given Redis."""

    @asynccontextmanager
    async def opened(redis_url: str) -> AsyncIterator[Service]:
        used = settings.model_copy(update={"redis_url": SecretStr(redis_url)})
        async with open_sqlite(places, tmp_path / "authsvc.db") as database:
            redis = RedisClient.connect(
                redis_url, timeout=used.redis_timeout.total_seconds(), max_connections=64
            )
            app = await asyncio.to_thread(create_app, used, clients=(database, redis))
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(app), base_url="http://authsvc.test"
                ) as client,
            ):
                yield Service(client)
            await redis.close()

    return opened


@pytest.fixture
async def service(open_service: Open, redis_url: str) -> AsyncIterator[Service]:
    """The service on the Redis that a test module brings, under ``redis_url``."""
    async with open_service(redis_url) as opened:
        yield opened
