"""A105: what clients are told while a server that the service depends on is gone, and what holds afterwards.

A client answers 401 by throwing its tokens away, so an outage is 503, never 401; and never a promise.
"""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.api.asking import BODIES
from tests.support.faults import without_database, without_redis
from tests.support.service import Login, code_of

from authsvc.app import create_app
from authsvc.keyspace import Keyspace


async def ask(
    client: httpx.AsyncClient, method: str, path: str, login: Login, body: Any = None
) -> httpx.Response:
    return await client.request(method, path, json=body, headers=login.bearer)


def assert_unavailable(answer: httpx.Response) -> None:
    assert (answer.status_code, code_of(answer)) == (503, "service_unavailable"), answer.request.url
    assert int(answer.headers["retry-after"]) >= 1


def calls(login: Login, other: Login):
    """Every call that needs a server, but for the log-out, which is told about below."""
    for (method, path), body in BODIES.items():
        if path == "/refresh_jwt":
            yield method, path, {"refresh_token": login.refresh_token}
        elif path != "/logout":
            yield method, path, body
    yield "GET", "/user", None
    yield "GET", "/sessions", None
    yield "DELETE", f"/sessions/{other.session_id}", None


async def test_without_redis_every_call_is_refused_and_nothing_is_lost(client, service, redis):
    login = await service.sign_up()
    other = await service.log_in()
    with without_redis(redis):
        for method, path, body in calls(login, other):
            assert_unavailable(await ask(client, method, path, login, body))
        for path in ("/livez", "/.well-known/jwks.json", "/problems"):
            assert (await client.get(path)).status_code == 200
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["dependencies"] == {"database": "ok", "redis": "down", "signing_keys": "ok"}
    assert await service.is_alive(login)
    assert await service.is_alive(other)
    assert (await service.user(login)).json()["name"] is None
    assert (await service.try_login()).status_code == 200
    assert (await service.register("grace")).status_code == 201  # the one that failed left no row


async def test_without_the_database_only_what_needs_none_is_answered(client, service, database):
    login = await service.sign_up()
    other = await service.log_in()
    assert (await client.get("/sessions", headers=login.bearer)).status_code == 200
    with without_database(database):
        for method, path, body in calls(login, other):
            answer = await ask(client, method, path, login, body)
            if path == "/sessions":
                assert answer.status_code == 200  # Redis knows them
            else:
                assert_unavailable(answer)
        for path in ("/livez", "/.well-known/jwks.json", "/problems"):
            assert (await client.get(path)).status_code == 200
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["dependencies"] == {"database": "down", "redis": "ok", "signing_keys": "ok"}
    assert await service.is_alive(login)
    assert await service.is_alive(other)
    assert (await service.try_login()).status_code == 200


async def test_a_user_who_was_just_shown_is_shown_without_the_database(service, database):
    login = await service.sign_up()
    shown = await service.user(login)
    with without_database(database):
        again = await service.user(login)
    assert (again.status_code, again.content) == (200, shown.content)


# A052
@pytest.mark.parametrize("scope", ["current", "others", "all"])
async def test_a_log_out_is_not_confirmed_while_a_server_is_gone(service, database, redis, scope):
    login = await service.sign_up()
    with without_redis(redis):
        assert_unavailable(await service.log_out(login, scope))
    with without_database(database):
        assert_unavailable(await service.log_out(login, scope))


# A051
async def test_a_log_out_that_redis_missed_is_durable_all_the_same(service, redis):
    login = await service.sign_up()
    with without_redis(redis):
        assert_unavailable(await service.log_out(login))
    assert code_of(await service.try_refresh(login.refresh_token)) == "invalid_refresh_token"
    assert not await service.is_alive(login)


# A051
async def test_a_log_out_that_was_confirmed_survives_a_redis_that_forgot_it(service, redis):
    """A failover may bring back a session that was deleted."""
    login = await service.sign_up()
    user_id = UUID((await service.user(login)).json()["id"])
    key = Keyspace().session(user_id, login.session_id)
    backup = await redis.execute("DUMP", key)
    assert (await service.log_out(login)).status_code == 204
    await redis.execute("RESTORE", key, 60_000, backup)
    assert (await service.user(login)).status_code == 200  # until the next refresh, or the token's expiry
    assert code_of(await service.try_refresh(login.refresh_token)) == "invalid_refresh_token"
    assert code_of(await service.user(login)) == "session_ended"


async def test_a_log_out_everywhere_that_redis_missed_can_be_asked_for_again(service, redis):
    login = await service.sign_up()
    other = await service.log_in()
    with without_redis(redis):
        assert_unavailable(await service.log_out(login, "all"))
    assert (await service.log_out(login, "all")).status_code == 204
    assert not await service.is_alive(login)
    assert not await service.is_alive(other)


async def test_a_service_that_starts_without_its_database_heals_by_itself(
    service, settings, database, redis, clock
):
    """L2: with the fault gone, valid requests succeed within 5 s, unattended."""
    login = await service.sign_up()
    late = await asyncio.to_thread(create_app, settings, clients=(database, redis), clock=clock)
    transport = httpx.ASGITransport(late)
    with without_database(database):
        lifespan = late.router.lifespan_context(late)
        await lifespan.__aenter__()
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://authsvc.test") as client:
            with without_database(database):
                assert (await client.get("/livez")).status_code == 200
                # The keys are not known yet, so nothing can be said of this token.
                assert_unavailable(await client.get("/user", headers=login.bearer))
                assert_unavailable(await client.get("/.well-known/jwks.json"))
                states = (await client.get("/readyz")).json()["dependencies"]
                assert states == {"database": "down", "redis": "ok", "signing_keys": "down"}
            async with asyncio.timeout(30):
                while (await client.get("/user", headers=login.bearer)).status_code != 200:  # noqa: ASYNC110  (polled)
                    await asyncio.sleep(0)
            clock.advance(timedelta(seconds=1))
            assert (await client.get("/readyz")).status_code == 200
    finally:
        await lifespan.__aexit__(None, None, None)


async def test_a_registration_is_not_confirmed_and_not_half_done(service, database):
    with without_database(database):
        assert_unavailable(await service.register())
    assert (await service.register()).status_code == 201
