"""What every call answers while a dependency is half there: the table of docs/operations.md, cell by cell."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import SecretStr
from tests.faults.modes import MODES, STATUSES, table
from tests.faults.postgres_faults import FULL_DISK, NO_FULL_DISK
from tests.faults.redis_faults import answer_loading
from tests.support.service import NEW_PASSWORD, PASSWORD, Login, Service, code_of
from tests.support.tcp_proxy import TcpProxy, proxied
from tests.support.waiting import eventually

from authsvc.app import create_app

pytestmark = pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")

_SLOW = 4.0  # seconds for each reply
_DOCUMENT = Path(__file__).parents[2] / "docs/operations.md"


@dataclass(frozen=True)
class Degradable:
    """A service, the networks that it talks through, and ways past them to its servers.

    ``beside`` is another instance, which nothing happens to and which waits as long as it takes.
    """

    service: Service
    beside: Service
    database: TcpProxy
    redis: TcpProxy
    ask_redis: Any
    places: Any

    async def has_keys(self) -> bool:
        return (await self.service.client.get("/.well-known/jwks.json")).status_code == 200

    async def is_ready(self) -> bool:
        return (await self.service.client.get("/readyz")).status_code == 200

    async def knows(self, login: Login) -> bool:
        return await self.service.shows_user(login)


@pytest.fixture
async def degradable(places, settings, database, redis, service) -> AsyncIterator[Degradable]:
    """The fixtures of the stores empty them, and are the way past the networks.

    Deadlines are longer than in production, and what is slow is slower: this machine stalls now and then.
    """
    async with AsyncExitStack() as stack:
        database_proxy, database_url = await stack.enter_async_context(proxied(places.database))
        redis_proxy, redis_url = await stack.enter_async_context(proxied(places.redis))
        used = settings.model_copy(
            update={
                "database_url": SecretStr(
                    f"{database_url}?ssl=disable"
                ),  # else asyncpg looks for certificates
                "redis_url": SecretStr(redis_url),
                "redis_timeout": timedelta(seconds=1),
                "database_timeout": timedelta(seconds=1.5),
            }
        )
        app = await asyncio.to_thread(create_app, used)
        await stack.enter_async_context(app.router.lifespan_context(app))
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://authsvc.test")
        )
        world = Degradable(Service(client), service, database_proxy, redis_proxy, redis.execute, places)
        await eventually(world.has_keys)  # on a busy machine they may come a moment later
        yield world


@asynccontextmanager
async def degraded(world: Degradable, mode: str) -> AsyncIterator[None]:
    """Let it be so for as long as the block."""
    match mode.split(" ", 1):
        case ["both", _]:
            async with degraded(world, "Redis down"), degraded(world, "PostgreSQL down"):
                yield
        case ["Redis", how]:
            async with redis_degraded(world, how):
                yield
        case ["PostgreSQL", how]:
            async with postgres_degraded(world, how):
                yield


@asynccontextmanager
async def redis_degraded(world: Degradable, how: str) -> AsyncIterator[None]:
    network = world.redis
    match how:
        case "down":
            await network.refuse()
            network.reset()
        case "slow":
            network.to_client.delay = _SLOW
        case "read-only":
            await world.ask_redis("REPLICAOF", "127.0.0.1", "1")
        case "full":
            await world.ask_redis("CONFIG", "SET", "maxmemory", "1")
        case "failing over":
            loading = await asyncio.start_server(answer_loading, "127.0.0.1", 0)
            upstream, network.upstream = network.upstream, loading.sockets[0].getsockname()[:2]
            network.reset()
        case "emptied":
            await world.ask_redis("FLUSHALL")
    try:
        yield
    finally:
        await network.heal()
        match how:
            case "read-only":
                await world.ask_redis("REPLICAOF", "NO", "ONE")
            case "full":
                await world.ask_redis("CONFIG", "SET", "maxmemory", "0")
            case "failing over":
                network.upstream = upstream
                loading.close()
                network.reset()


@asynccontextmanager
async def postgres_degraded(world: Degradable, how: str) -> AsyncIterator[None]:
    network = world.database
    url = world.places.database.replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        match how:
            case "down":
                await network.refuse()
                network.reset()
            case "slow":
                network.to_client.delay = _SLOW
            case "locked":
                await connection.execute("BEGIN")
                await connection.execute("LOCK TABLE users, ended_sessions IN ACCESS EXCLUSIVE MODE")
            case "read-only":
                await connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
                await connection.execute("SELECT pg_reload_conf()")
                await eventually(lambda: takes_writes(url, wanted=False))
            case "full":
                for statement in FULL_DISK:
                    await connection.execute(statement)
        yield
    finally:
        await network.heal()
        match how:
            case "locked":
                await connection.execute("ROLLBACK")
            case "read-only":
                await connection.execute("SET default_transaction_read_only = off")
                await connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
                await connection.execute("SELECT pg_reload_conf()")
                await eventually(lambda: takes_writes(url, wanted=True))
            case "full":
                await connection.execute(NO_FULL_DISK)
        await connection.close()


async def takes_writes(url: str, *, wanted: bool) -> bool:
    """Tell whether a new session is as ``wanted``: the setting travels by a signal."""
    connection = await asyncpg.connect(url)
    try:
        return (await connection.fetchval("SHOW transaction_read_only") == "off") is wanted
    finally:
        await connection.close()


def bodies(login: Login) -> dict[str, dict[str, str]]:
    return {
        "POST /refresh_jwt": {"refresh_token": login.refresh_token},
        "POST /login": {"username": "ada", "password": PASSWORD},
        "POST /register": {"username": "grace", "password": PASSWORD},
        "PATCH /user": {"name": "Ada King"},
        "POST /user/password": {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
        "DELETE /user": {"password": PASSWORD},
    }


async def ask(world: Degradable, call: str, login: Login) -> httpx.Response:
    method, path = call.split(" ")
    body = bodies(login).get(call)
    return await world.service.client.request(method, path, json=body, headers=login.bearer)


async def check_effect(world: Degradable, call: str, answer: httpx.Response, login: Login) -> None:
    """Where the call was acknowledged, it is done; where it was not, nobody lost anything by it."""
    done = answer.status_code < 300
    match call:
        case "POST /register" if done:
            assert (await world.beside.try_login("grace")).status_code == 200
        case "POST /logout" if done:
            assert not await world.beside.is_alive(login)
        case "POST /refresh_jwt" | "GET /user" | "GET /sessions" if answer.status_code == 503:
            assert await world.beside.is_alive(login)
        case "POST /login" if done:
            token = answer.json()["refresh_token"]
            assert (await world.beside.try_refresh(token)).status_code == 200


# A105 A106 A107
@pytest.mark.parametrize("call", STATUSES)
@pytest.mark.parametrize("mode", MODES)
async def test_a_call_in_a_degraded_mode_answers_as_documented(degradable, mode, call):
    login = await degradable.beside.sign_up()
    await eventually(lambda: degradable.knows(login))  # and Redis knows the record from now on
    async with degraded(degradable, mode):
        answer = await ask(degradable, call, login)
        assert answer.status_code == int(STATUSES[call].split()[MODES.index(mode)]), answer.text
        if answer.status_code == 503 and call != "GET /readyz":
            assert code_of(answer) == "service_unavailable"
            assert answer.headers["retry-after"].isdigit()
    await eventually(degradable.is_ready)
    await check_effect(degradable, call, answer, login)


def test_no_valid_token_is_refused_but_where_its_session_is_gone(stores):
    for call, statuses in STATUSES.items():
        for mode, status in zip(MODES, statuses.split(), strict=True):
            assert status in {"200", "201", "204", "503"} or (status, mode) == ("401", "Redis emptied"), call


def test_the_document_shows_the_same_table(stores):
    assert table() in _DOCUMENT.read_text(encoding="utf-8")
