"""The headers that every answer carries, and the one that says who is asking."""

from typing import Any

import httpx
import pytest
from tests.api.asking import BODIES, BODYLESS
from tests.support.service import NEW_PASSWORD, code_of

from authsvc.api.middleware import PROTECTION

pytestmark = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")

NEEDS_A_CALLER = [*BODYLESS, ("PATCH", "/user"), ("POST", "/user/password"), ("DELETE", "/user")]
GIVES_A_DEVICE_TOKEN = {("POST", "/login"), ("POST", "/user/password")}
EVERY_GUARDED_CALL = pytest.mark.parametrize(("method", "path"), NEEDS_A_CALLER, ids=str)
PUBLIC = (
    "/livez",
    "/readyz",
    "/problems",
    "/problems/not_found",
    "/.well-known/jwks.json",
    "/openapi.json",
    "/",
)


async def ask(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
    return await client.request(method, path, json=BODIES.get((method, path)), **more)


# A084
@EVERY_GUARDED_CALL
async def test_a_challenge_names_an_error_only_if_a_token_was_sent(client, service, method, path):
    nothing_sent = await ask(client, method, path)
    assert (nothing_sent.status_code, code_of(nothing_sent)) == (401, "not_authenticated")
    assert nothing_sent.headers["www-authenticate"] == "Bearer"

    garbage = await ask(client, method, path, headers={"Authorization": "Bearer garbage"})
    assert (garbage.status_code, code_of(garbage)) == (401, "invalid_token")
    assert garbage.headers["www-authenticate"] == 'Bearer error="invalid_token"'

    login = await service.sign_up()
    await service.log_out(login)
    ended = await ask(client, method, path, headers=login.bearer)
    assert (ended.status_code, code_of(ended)) == (401, "session_ended")
    assert ended.headers["www-authenticate"] == 'Bearer error="invalid_token"'


# A084
@EVERY_GUARDED_CALL
async def test_two_tokens_are_as_good_as_none(client, service, method, path):
    login = await service.sign_up()
    twice = [*login.bearer.items(), *login.bearer.items()]
    answer = await ask(client, method, path, headers=twice)
    assert (answer.status_code, code_of(answer)) == (401, "invalid_token")
    assert await service.is_alive(login)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "not_authenticated"),
        ("Basic YWRhOng=", "not_authenticated"),
        ("Bearer", "invalid_token"),
        ("Bearer ", "invalid_token"),
        ("Bearer a b", "invalid_token"),
        ("Bearer a,b", "invalid_token"),
        ("Bearer \u00e9", "invalid_token"),
        ("Bearer " + "x" * 10_000, "invalid_token"),
        ("Bearer " + "." * 10_000, "invalid_token"),
    ],
    ids=lambda text: text[:16] or "empty",
)
async def test_what_is_no_token_is_refused(client, header, code):
    answer = await client.get("/user", headers={"Authorization": header.encode("latin-1")})
    assert (answer.status_code, code_of(answer)) == (401, code)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_the_scheme_is_read_in_any_case(client, service, scheme):
    login = await service.sign_up()
    answer = await client.get("/user", headers={"Authorization": f"{scheme} {login.access_token}"})
    assert answer.status_code == 200


# A085
async def test_a_token_counts_in_the_header_alone(client, service):
    login = await service.sign_up()
    token = login.access_token
    for name in ("access_token", "token", "authsvc", "session", "Authorization"):
        for more in (
            {"params": {name: token}},
            {"headers": {"Cookie": f"{name}={token}"}},
            {"content": f"{name}={token}"},
            {"headers": {f"X-{name}": token}},
        ):
            answer = await client.request("GET", "/user", **more)
            assert (answer.status_code, code_of(answer)) == (401, "not_authenticated"), more
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.request("GET", "/sessions", content=f"access_token={token}", headers=form)
    assert code_of(answer) == "not_authenticated"


# A088, A089
async def test_every_answer_protects_whoever_shows_it(client, service):
    login = await service.sign_up()
    answers = [await ask(client, *call, headers=login.bearer) for call in (*BODYLESS, *BODIES)]
    answers += [await ask(client, *call) for call in (*BODYLESS, *BODIES)]
    answers += [await client.get(path) for path in (*PUBLIC, "/nothing/here", "/docs")]
    assert {answer.status_code for answer in answers} >= {200, 201, 204, 401, 404, 409}
    for answer in answers:
        for name in PROTECTION:
            assert name in answer.headers, (answer.request.url, name)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert "server" not in answer.headers  # A087
        by_password = (answer.request.method, answer.request.url.path) in GIVES_A_DEVICE_TOKEN
        assert ("set-cookie" in answer.headers) == (by_password and answer.is_success)


# A088
async def test_nothing_about_a_person_is_kept_on_the_way(client, service):
    login = await service.sign_up()
    calls = [call for call in (*BODYLESS, *BODIES) if call != ("DELETE", "/user")] + [("DELETE", "/user")]
    answers = [await ask(client, *call, headers=login.bearer) for call in calls]
    answers += [await service.try_login(password=NEW_PASSWORD), await service.try_refresh("rt1_x")]
    assert {answer.status_code for answer in answers} >= {200, 401}
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


async def test_a_problem_names_its_request_as_the_header_does(client):
    seen = set()
    for path in ("/user", "/nothing/here", "/problems/nothing"):
        answer = await client.get(path, headers={"X-Request-Id": "chosen-by-the-client"})
        assert answer.json()["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
        seen.add(answer.headers["x-request-id"])
    assert len(seen) == 3
    assert "chosen-by-the-client" not in seen
