"""Every suite that touches a store runs twice: on stand-ins and on the real servers."""

import gc
import io
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import fastapi.dependencies.models
import httpx
import pytest
from blockbuster import blockbuster_ctx
from fastapi import FastAPI
from pydantic import SecretStr
from tests.support.clock import SettableClock
from tests.support.service import Service
from tests.support.stores import (
    Urls,
    assert_keys_fit,
    open_postgres,
    open_redis,
    open_sqlite,
    sqlite_template,
)

from authsvc.app import create_app
from authsvc.devservers import DevServers
from authsvc.keyspace import Keyspace
from authsvc.kit.database import Database
from authsvc.kit.logs import configure_logs
from authsvc.kit.redis import RedisClient
from authsvc.migrations import migrate
from authsvc.settings import Settings
from authsvc.wiring import Flows, wire

SECRET = "kf3Vd0mQhW8uYx2ZpL7rTn5cBj9sGa4eHo6i"


class Nowhere(io.TextIOBase):
    """Takes what is logged, once it has been rendered; pytest shows the records of a test that fails."""

    def write(self, text: str) -> int:
        return len(text)


def pytest_configure() -> None:
    # Whoever starts tests in the background may have had Ctrl-C ignored, which programs would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    configure_logs("debug", "json")
    for handler in logging.getLogger().handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(Nowhere())  # standard output is another one in each test
    logging.getLogger("httpcore").setLevel(logging.WARNING)  # a line for each try, while a service starts


def pytest_collection_finish() -> None:
    """What is there before the first test stays: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """While a test runs, nothing may block the event loop."""
    with blockbuster_ctx("authsvc") as active:
        for function in ("os.stat", "os.listdir", "io.TextIOWrapper.read"):
            # A new connection: redis-py asks for its own version, asyncpg looks for a password file.
            active.functions[function].can_block_in("redis/utils.py", {"get_lib_version"})
            reader = {"_read_password_from_pgpass"}
            active.functions[function].can_block_in("asyncpg/connect_utils.py", reader)
        for function in ("os.stat", "os.path.abspath"):  # with TLS, asyncpg looks for certificates
            looking = {"_dot_postgresql_path", "_parse_connect_dsn_and_args"}
            active.functions[function].can_block_in("asyncpg/connect_utils.py", looking)
        # A pool's first thread starts, and its lock is held for microseconds: never for a hash.
        active.functions["threading.Lock.acquire"].can_block_in("concurrent/futures/thread.py", {"submit"})
        return (yield)


@pytest.fixture(scope="session", params=["stand-ins", "real"])
def stores(request: pytest.FixtureRequest) -> str:
    """Which stores a test runs on."""
    return str(request.param)


@pytest.fixture(scope="session")
async def places(stores: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Urls | Path]:
    """Where the stores are, made once for each process that runs tests; the schema is there."""
    if stores == "stand-ins":
        yield await sqlite_template(tmp_path_factory.mktemp("sqlite") / "template.db")
        return
    async with DevServers(tmp_path_factory.mktemp("servers"), durable=False) as running:
        database = Database(running.database_url)
        await migrate(database)
        await database.close()
        yield Urls(running.database_url, running.redis_url)


@pytest.fixture
async def database(places: Urls | Path, tmp_path: Path) -> AsyncIterator[Database]:
    if isinstance(places, Urls):
        opened = open_postgres(places.database)
    else:
        opened = open_sqlite(places, tmp_path / "authsvc.db")
    async with opened as database:
        yield database


@pytest.fixture
async def redis(places: Urls | Path) -> AsyncIterator[RedisClient]:
    async with open_redis(places.redis if isinstance(places, Urls) else "") as client:
        yield client
        await assert_keys_fit(client, Keyspace())


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def settings() -> Settings:
    """The defaults, and secrets; the limits are out of the way of tests that are not about them."""
    return Settings(
        secret_key=SecretStr(SECRET),
        database_url=SecretStr("sqlite+aiosqlite:///nowhere.db"),
        redis_url=SecretStr("redis://nobody.invalid"),
        allowed_hosts=("authsvc.test",),
        docs_enabled=True,
        attempts_per_account=100,
        attempts_per_account_and_address=100,
        attempts_per_address=10_000,
        logins_per_account=10_000,
        registrations_per_address=10_000,
        hashing_queue_length=10_000,
        hashing_queue_timeout=timedelta(seconds=50),
    )


@pytest.fixture
async def flows(
    settings: Settings, database: Database, redis: RedisClient, clock: SettableClock
) -> AsyncIterator[Flows]:
    wired = wire(settings, database, redis, clock)
    await wired.maintain()
    yield wired
    wired.hasher.close()


@pytest.fixture
async def app(
    settings: Settings, database: Database, redis: RedisClient, clock: SettableClock
) -> AsyncIterator[FastAPI]:
    application = create_app(settings, clients=(database, redis), clock=clock)
    async with application.router.lifespan_context(application):
        yield application
    forget_endpoints()


def forget_endpoints() -> None:
    """FastAPI remembers the last thousands of endpoints, and they their applications: two gigabytes."""
    for remembering in vars(fastapi.dependencies.models).values():
        if hasattr(remembering, "cache_clear"):
            remembering.cache_clear()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Keep no cookies: whoever does is a device that is known, to which other limits apply."""
    transport = httpx.ASGITransport(app)
    forgetful = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://authsvc.test", cookies=forgetful
    ) as opened:
        yield opened


@pytest.fixture
def service(client: httpx.AsyncClient) -> Service:
    return Service(client)
