"""The calls that most requests are leave nothing to the garbage collector, which stops everybody at work."""

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.server.wire import JSON, request

pytestmark = pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")

MANY = 100


@contextmanager
def left_over() -> Iterator[list[int]]:
    """Give, at the end, how many objects only the garbage collector could free."""
    found: list[int] = []
    gc.collect()
    gc.disable()
    try:
        yield found
    finally:
        gc.enable()
        found.append(gc.collect())


async def test_showing_a_user_leaves_no_garbage(server, service):
    login = await service.sign_up()
    sent = request(b"GET /user", b"Authorization: Bearer " + login.access_token.encode())
    client = await server.connect()
    await client.ask(sent)
    with left_over() as found:
        for _ in range(MANY):
            assert (await client.ask(sent))[0] == 200
    assert found[0] < MANY


async def test_refreshing_leaves_no_garbage(server, service):
    refresh_token = (await service.sign_up()).refresh_token
    client = await server.connect()

    async def refresh(token: str) -> str:
        body = json.dumps({"refresh_token": token}).encode()
        length = b"Content-Length: %d" % len(body)
        status, pair = await client.ask(request(b"POST /refresh_jwt", JSON, length, body=body))
        assert status == 200
        return str(pair["refresh_token"])

    refresh_token = await refresh(refresh_token)
    with left_over() as found:
        for _ in range(MANY):
            refresh_token = await refresh(refresh_token)
    assert found[0] < MANY
