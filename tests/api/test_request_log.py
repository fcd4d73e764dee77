"""What the log says of a request, if it says anything."""

from collections.abc import Iterable, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.server.beside import serving
from tests.server.wire import request
from tests.support.service import PASSWORD

from authsvc.kit.logs import _add_request_id
from authsvc.settings import Settings


@pytest.fixture
def share() -> float:
    return 1


@pytest.fixture
def settings(settings: Settings, share: float) -> Settings:
    return settings.model_copy(update={"request_log": share})


def requests(logged: Iterable[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    return [line for line in logged if line["event"] == "request"]


async def test_each_request_is_a_line_with_what_was_asked_and_answered(service, client):
    with capture_logs() as logged:
        login = await service.sign_up()
        assert (await service.user(login)).status_code == 200
        await client.get("/nowhere?token=a-secret")
    told = [(line["method"], line["path"], line["status"]) for line in requests(logged)]
    assert told == [
        ("POST", "/register", 201), ("POST", "/login", 200), ("GET", "/user", 200), ("GET", "/nowhere", 404),
    ]  # fmt: skip
    for line in requests(logged):
        assert line["milliseconds"] >= 0
        assert line["client"] == "127.0.0.1"
    for secret in (PASSWORD, login.access_token, login.refresh_token, "a-secret"):
        assert secret not in str(logged)


async def test_a_line_leads_to_the_answer_by_its_id(client):
    with capture_logs(processors=[_add_request_id]) as logged:
        answer = await client.get("/livez")
    assert [line["request_id"] for line in requests(logged)] == [answer.headers["x-request-id"]]


async def test_over_a_socket_the_answer_is_the_same(app, settings, service):
    login = await service.sign_up()
    bearer = b"Authorization: Bearer " + login.access_token.encode()
    async with serving(app, settings) as server:
        connected = await server.connect()
        with capture_logs() as logged:
            status, user = await connected.ask(request(b"GET /user", bearer))
    assert (status, user["username"]) == (200, "ada")
    assert [line["status"] for line in requests(logged)] == [200]


class TestByDefault:
    @pytest.fixture
    def share(self) -> float:
        return 0

    async def test_no_request_is_a_line(self, client):
        with capture_logs() as logged:
            assert (await client.get("/livez")).status_code == 200
        assert not requests(logged)


class TestAShare:
    @pytest.fixture
    def share(self) -> float:
        return 0.5

    async def test_is_about_so_many(self, client):
        with capture_logs() as logged:
            for _ in range(200):
                await client.get("/livez")
        assert 40 < len(requests(logged)) < 160  # once in 10^19 runs it is not
