"""The whole service behind networks that fail: 503 in time, never 401 or 500, and well again by itself."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from tests.api.asking import BODIES
from tests.support.service import Login, Service, code_of
from tests.support.tcp_proxy import TcpProxy, proxied
from tests.support.waiting import eventually

from authsvc.app import create_app

pytestmark = pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")

WITHIN = 2.0
"""Seconds: one in the worst case, on a machine that is busy with other tests."""


@dataclass(frozen=True)
class Behind:
    """A service, and the networks that it talks through."""

    service: Service
    database: TcpProxy
    redis: TcpProxy

    async def is_well(self) -> bool:
        """Tell whether both stores answer: without one, nobody is even refused. (/readyz is a second old.)"""
        return (await self.service.try_login("nobody")).status_code == 401

    async def is_ready(self) -> bool:
        return (await self.service.client.get("/readyz")).status_code == 200


@pytest.fixture
async def behind(places, settings, database, redis) -> AsyncIterator[Behind]:
    """The stores are emptied by the fixtures of the clients that are not used here."""
    async with (
        proxied(places.database) as (database_proxy, database_url),
        proxied(places.redis) as (
            redis_proxy,
            redis_url,
        ),
    ):
        used = settings.model_copy(
            update={
                "database_url": SecretStr(
                    f"{database_url}?ssl=disable"
                ),  # else asyncpg looks for certificates
                "redis_url": SecretStr(redis_url),
                "redis_timeout": timedelta(seconds=0.5),  # this process may stall between other tests
            }
        )
        app = await asyncio.to_thread(create_app, used)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://authsvc.test") as client,
        ):
            opened = Behind(Service(client), database_proxy, redis_proxy)
            await eventually(opened.is_well)
            yield opened


def calls(login: Login):
    """Every call that needs both stores or one of them."""
    for (method, path), body in BODIES.items():
        if path == "/refresh_jwt":
            yield method, path, {"refresh_token": login.refresh_token}
        elif path != "/logout":  # durable in one store even where the other is gone
            yield method, path, body
    yield "GET", "/user", None
    yield "GET", "/sessions", None
    yield "DELETE", f"/sessions/{login.session_id}", None


async def fail(proxy: TcpProxy, mode: str) -> None:
    match mode:
        case "refused":
            await proxy.refuse()
            proxy.reset()
        case "unanswered":
            await proxy.ignore()
            proxy.reset()
        case "hung":
            proxy.black_hole()


# A105 A106
@pytest.mark.parametrize("mode", ["refused", "unanswered", "hung"])
@pytest.mark.parametrize("which", ["database", "redis"])
async def test_every_call_is_refused_in_time_and_nothing_is_lost(behind, which, mode):
    login = await behind.service.sign_up()
    network: TcpProxy = getattr(behind, which)
    await fail(network, mode)
    for method, path, body in calls(login):
        began = monotonic()
        answer = await behind.service.client.request(method, path, json=body, headers=login.bearer)
        assert monotonic() - began < WITHIN, path
        if answer.status_code != 200:
            assert (answer.status_code, code_of(answer)) == (503, "service_unavailable"), path
        else:
            assert (which, method, path) == ("database", "GET", "/sessions")  # Redis knows them
    await network.heal()
    await eventually(behind.is_well)
    assert await behind.service.is_alive(login)
    assert (await behind.service.user(login)).json()["name"] is None


# A107
async def test_it_tells_in_time_that_it_is_not_ready_while_both_are_silent(behind):
    assert await behind.is_ready()
    behind.database.black_hole()
    behind.redis.black_hole()

    async def is_unready() -> bool:
        began = monotonic()
        alive = await behind.service.client.get("/livez")
        answer = await behind.service.client.get("/readyz")
        assert monotonic() - began < WITHIN
        assert alive.status_code == 200
        states: dict[str, str] = answer.json()["dependencies"]
        return answer.status_code == 503 and states == {
            "database": "down",
            "redis": "down",
            "signing_keys": "ok",
        }

    await eventually(is_unready)
    for _ in range(300):
        await is_unready()
    await behind.database.heal()
    await behind.redis.heal()
    await eventually(behind.is_ready)


async def test_a_thousand_calls_in_an_outage_are_few_lines_of_log(behind):
    login = await behind.service.sign_up()
    await fail(behind.redis, "refused")
    with capture_logs() as logged:
        for _ in range(1000):
            assert (await behind.service.user(login)).status_code == 503
        await eventually(lambda: any("more" in line for line in logged))
    lines = [line for line in logged if line["event"] == "outage"]
    assert len(lines) < 50
    assert {line["dependency"] for line in lines} == {"redis"}
    assert {line["kind"] for line in lines} <= {"unreachable", "timeout"}
