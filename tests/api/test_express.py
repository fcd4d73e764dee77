"""The express lane answers as the routes do that describe the API."""

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import Message
from tests.support.faults import without_redis
from tests.support.service import PASSWORD, tokens_of

from authsvc.api.devices import DeviceCookie
from authsvc.api.express import express_answers
from authsvc.api.quotas import quota_policies


@pytest.fixture
async def framework(app: FastAPI, client: httpx.AsyncClient):
    """A client of the same service that goes through the framework."""
    await client.get("/livez")  # builds the stack
    assert app.middleware_stack is not None
    transport = httpx.ASGITransport(app.middleware_stack)
    async with httpx.AsyncClient(transport=transport, base_url="http://authsvc.test") as opened:
        yield opened


def told(answer: httpx.Response):
    """Return what both must tell alike: all but the request's id, and headers in any order."""
    headers = sorted((name, value) for name, value in answer.headers.multi_items() if name != "x-request-id")
    body = answer.content.replace(answer.headers["x-request-id"].encode(), b"")
    return answer.status_code, headers, body


async def test_a_user_is_shown_alike(service, client, framework):
    login = await service.sign_up()
    gone = await service.log_in()
    await service.log_out(gone)
    for headers in (
        login.bearer,
        gone.bearer,
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic x"},
        {"Authorization": "Bearer garbage"},
        {"Authorization": login.bearer["Authorization"].lower()},
        [*login.bearer.items(), *login.bearer.items()],
        {**login.bearer, "Accept": "text/html"},
    ):
        express, routed = (
            await client.get("/user", headers=headers),
            await framework.get("/user", headers=headers),
        )
        assert told(express) == told(routed)


async def test_an_outage_is_told_alike(service, client, framework, redis):
    login = await service.sign_up()
    with without_redis(redis):
        express, routed = [await one.get("/user", headers=login.bearer) for one in (client, framework)]
        assert express.status_code == 503
        assert told(express) == told(routed)
        sent = {"refresh_token": login.refresh_token}
        express, routed = [await one.post("/refresh_jwt", json=sent) for one in (client, framework)]
        assert express.status_code == 503
        assert told(express) == told(routed)


@pytest.mark.parametrize(
    "sent",
    [
        {"content": b""},
        {"content": b"{}"},
        {"json": {}},
        {"json": {"refresh_token": "rt1_x"}},
        {"json": {"refresh_token": 1}},
        {"json": {"refresh_token": "x", "more": 1}},
        {"json": {"refresh_token": "x" * 5000}},
        {"json": {"refresh_token": "x" * 20_000}},
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        {"data": {"refresh_token": "x"}},
        {"json": {"refresh_token": "x"}, "headers": {"Content-Encoding": "gzip"}},
    ],
)
async def test_what_cannot_be_refreshed_is_refused_alike(client, framework, sent):
    express, routed = await client.post("/refresh_jwt", **sent), await framework.post("/refresh_jwt", **sent)
    assert express.status_code >= 400
    assert told(express) == told(routed)


async def test_a_refresh_is_answered_alike(service, client, framework):
    login = await service.sign_up()
    sent = {"refresh_token": login.refresh_token}
    express, replayed = (
        await client.post("/refresh_jwt", json=sent),
        await framework.post("/refresh_jwt", json=sent),
    )
    assert tokens_of(express).refresh_token == tokens_of(replayed).refresh_token
    first, second = express.json(), replayed.json()
    assert list(first) == list(second)
    assert abs(first.pop("refresh_expires_in") - second.pop("refresh_expires_in")) < 60  # time passes
    assert first.pop("access_token") != second.pop("access_token")
    assert first == second
    assert b" " not in express.content + replayed.content
    assert express.headers.keys() == replayed.headers.keys()
    assert express.headers["content-type"] == replayed.headers["content-type"]


@pytest.mark.parametrize(
    "sent",
    [
        {"content": b""},
        {"json": {}},
        {"json": {"username": "ada"}},
        {"json": {"username": "ada", "password": 1}},
        {"json": {"username": "ada", "password": "x", "more": 1}},
        {"json": {"username": "ada", "password": "x" * 20_000}},
        {"json": {"username": "ada", "password": "not the one that it is"}},
        {"json": {"username": "nobody", "password": "a lantern over quiet water"}},
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        {"content": b"a=1", "headers": {"Content-Type": "text/plain"}},
        {"data": {"username": "ada"}},
        {"data": {"username": "ada", "password": "x", "grant_type": "client_credentials"}},
    ],
)
async def test_what_is_no_log_in_is_refused_alike(service, client, framework, sent):
    await service.sign_up()
    express, routed = await client.post("/login", **sent), await framework.post("/login", **sent)
    assert express.status_code >= 400
    assert told(express) == told(routed)


@pytest.mark.parametrize("form", ["json", "data"])
async def test_a_log_in_is_answered_alike(service, client, framework, form):
    await service.sign_up()
    sent = {form: {"username": "ada", "password": PASSWORD}}
    express, routed = [await one.post("/login", **sent) for one in (client, framework)]
    assert express.status_code == routed.status_code == 200
    assert list(express.json()) == list(routed.json())
    assert sorted(express.headers.keys()) == sorted(routed.headers.keys())
    differ = {"content-length", "device-token", "set-cookie", "x-request-id"}
    for name in express.headers.keys() - differ:
        assert express.headers[name] == routed.headers[name], name
    for answer in (express, routed):
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"authsvc_device={answer.headers['device-token']}; HttpOnly; Max-Age=")
        assert cookie.endswith("; Path=/; SameSite=strict")
        assert (await service.try_refresh(answer.json()["refresh_token"])).status_code == 200


async def test_what_is_on_the_express_lane_is_described_by_a_route(app, framework):
    for method, path in app.express:
        scope = {"type": "http", "method": method, "path": path, "headers": []}
        assert any(route.matches(scope)[0] is Match.FULL for route in app.router.routes)
        assert method.lower() in app.openapi()["paths"][path]


# A014
async def test_a_log_in_is_refused_unread_while_no_hash_can_be_computed(service, app, flows, monkeypatch):
    await service.sign_up()
    read: list[str] = []
    sent: list[Message] = []

    async def receive() -> Message:
        read.append("the body")
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    app.express = express_answers(
        flows.show_user,
        flows.refresh,
        flows.log_in,
        flows.hasher,
        DeviceCookie(secure=False, max_age=timedelta(days=1)),
        quota_policies(flows.rules),
    )
    headers = [(b"host", b"authsvc.test")]
    scope = {"type": "http", "method": "POST", "path": "/login", "headers": headers, "query_string": b""}
    with monkeypatch.context() as full:
        full.setattr(flows.hasher._queue, "_capacity", 0)
        await app(scope, receive, send)
    start, body = sent
    assert not read
    assert start["status"] == 503
    assert dict(start["headers"])[b"retry-after"] == b"1"
    assert b'"overloaded"' in body["body"]
    await service.log_in()
