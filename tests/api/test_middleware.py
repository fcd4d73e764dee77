"""The front desk, as the ASGI server meets it."""

import json

import pytest
import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Scope

from authsvc.api.middleware import FrontDesk


def request(path: str = "/somewhere", **more):
    return {"type": "http", "method": "GET", "path": path, "headers": [], **more}


async def receive():
    return {"type": "http.disconnect"}


async def serve(app: ASGIApp, scope: Scope) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await FrontDesk(app)(scope, receive, send)
    return sent


# A104
async def test_a_defect_is_told_as_one_and_not_in_detail():
    async def broken(scope, receive, send):
        raise RuntimeError("zq9canary")

    with structlog.testing.capture_logs() as logged:
        start, body = await serve(broken, request())
    assert start["status"] == 500
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"application/problem+json"
    problem = json.loads(body["body"])
    assert problem["code"] == "internal_error"
    assert problem["instance"] == f"urn:uuid:{headers[b'x-request-id'].decode()}"
    assert "zq9canary" not in body["body"].decode()
    assert [(entry["event"], entry["log_level"]) for entry in logged] == [("defect", "error")]


async def test_a_defect_after_the_answer_has_begun_adds_nothing_to_it():
    async def breaks_off(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    with structlog.testing.capture_logs() as logged:
        sent = await serve(breaks_off, request())
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert [entry["event"] for entry in logged] == ["defect"]


async def test_a_client_that_hangs_up_is_no_defect():
    async def reads(scope, receive, send):
        raise ClientDisconnect

    with structlog.testing.capture_logs() as logged:
        assert await serve(reads, request()) == []
    assert [(entry["event"], entry["log_level"]) for entry in logged] == [("client_gone", "info")]


@pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")
async def test_hanging_up_half_way_through_a_body_is_no_defect(app):
    parts = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent = []

    async def hang_up():
        return next(parts)

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = request("/login", method="POST", headers=headers, query_string=b"", client=("203.0.113.7", 1))
    with structlog.testing.capture_logs() as logged:
        await app({**scope, "raw_path": b"/login", "root_path": "", "scheme": "http"}, hang_up, send)
    assert sent == []
    assert [entry["event"] for entry in logged] == ["client_gone"]


async def test_the_answers_own_headers_come_before_the_usual_ones():
    async def answers(scope, receive, send):
        headers = [(b"cache-control", b"public"), (b"x-request-id", b"forged")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    [start] = await serve(answers, request())
    assert (b"cache-control", b"public") in start["headers"]
    assert (b"x-request-id", b"forged") not in start["headers"]
    assert (b"x-content-type-options", b"nosniff") in start["headers"]


async def test_what_is_no_request_passes_by():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    await serve(app, {"type": "lifespan"})
    assert seen == [{"type": "lifespan"}]
