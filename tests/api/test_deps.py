"""Where a request comes from, as far as the service may believe it."""

import httpx
import pytest
from starlette.requests import Request
from tests.support.service import PASSWORD, Service, tokens_of

from authsvc.api.deps import client as client_of
from authsvc.flows.client import Client

pytestmark = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")

CLAIMS = {
    "X-Forwarded-For": "198.51.100.1",
    "Forwarded": "for=198.51.100.1",
    "X-Real-IP": "198.51.100.1",
    "True-Client-IP": "198.51.100.1",
    "CF-Connecting-IP": "198.51.100.1",
}


# A025
async def test_the_peer_counts_and_not_what_it_says_of_itself(app):
    transport = httpx.ASGITransport(app, client=("203.0.113.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://authsvc.test") as client:
        await Service(client).register()
        body = {"username": "ada", "password": PASSWORD}
        headers = {**CLAIMS, "User-Agent": "x" * 1000}
        login = tokens_of(await client.post("/login", json=body, headers=headers))
        listed = (await client.get("/sessions", headers=login.bearer | CLAIMS)).json()["sessions"]
    assert [session["ip_address"] for session in listed] == ["203.0.113.7"]
    assert [session["user_agent"] for session in listed] == ["x" * 256]


@pytest.mark.usefixtures("stores")
async def test_a_peer_without_an_address_is_unknown():
    scope: dict[str, object] = {"type": "http", "client": None, "headers": []}
    assert await client_of(Request(scope)) == Client("unknown", "")


async def test_a_user_agent_of_any_bytes_is_kept_as_text(client, service):
    await service.register()
    body = {"username": "ada", "password": PASSWORD}
    sent = {"User-Agent": b"\xff\x1b[31m \xc3\xa9"}
    login = tokens_of(await client.post("/login", json=body, headers=sent))
    listed = await client.get("/sessions", headers=login.bearer)
    assert listed.status_code == 200
    assert "\x1b" not in listed.text
