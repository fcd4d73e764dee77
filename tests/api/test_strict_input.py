"""What every call does with what does not fit: a documented refusal, no echo, never 500."""

import json
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import pytest
from tests.api.asking import BODIES
from tests.support.service import PASSWORD, Login, Service, code_of

from authsvc.api.bodies import MAX_BODY_BYTES

pytestmark = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")

CANARY = "zq9canary7xk"
EVERY_CALL = pytest.mark.parametrize(("method", "path"), BODIES, ids=str)
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def login(service: Service) -> Login:
    return await service.sign_up()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def assert_silent(answer) -> None:
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)


# A092
@EVERY_CALL
async def test_every_call_refuses_json_that_is_not_strict(client, login, method, path):
    whole = json.dumps(BODIES[method, path]).encode()
    for body in (
        b"\xef\xbb\xbf" + whole,
        whole + b"{}",
        whole[:-1],
        whole[:-1] + b',"x":NaN}',
        whole[:-1] + b',"x":1e400}',
        whole[:-1] + b',"x":9007199254740992}',
        whole[:-1] + b"," + whole[1:],
        b'{"x":' * 10 + b"1" + b"}" * 10,
        b"[" * 10_000,
        f'{{"x": "{CANARY}é"}}'.encode("latin-1"),
        b"[",
    ):
        answer = await client.request(method, path, content=body, headers=JSON | login.bearer)
        assert (answer.status_code, code_of(answer)) == (400, "invalid_json"), body[:40]
        assert_silent(answer)


@EVERY_CALL
async def test_every_call_takes_json_and_says_so(client, login, method, path):
    whole = json.dumps(BODIES[method, path])
    for media_type in (
        None,
        "",
        "text/plain",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/json; profile=x",
        "application/problem+json",
        "application/jsonp",
        "multipart/form-data; boundary=x",
        CANARY,
    ):
        sent = {} if media_type is None else {"Content-Type": media_type}
        answer = await client.request(method, path, content=whole, headers=sent | login.bearer)
        assert (answer.status_code, code_of(answer)) == (415, "unsupported_media_type"), media_type
        assert_silent(answer)
    twice = [("Content-Type", "application/json")] * 2 + [*login.bearer.items()]
    answer = await client.request(method, path, content=whole, headers=twice)
    assert code_of(answer) == "unsupported_media_type"
    for codings in (["gzip"], ["identity", "gzip"], ["identity, gzip"]):
        packed = [*(JSON | login.bearer).items(), *(("Content-Encoding", coding) for coding in codings)]
        answer = await client.request(method, path, content=whole, headers=packed)
        assert code_of(answer) == "unsupported_media_type"


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON; Charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/json; ",
    ],
)
async def test_the_spellings_of_json_are_understood(client, login, media_type):
    answer = await client.post(
        "/login", content=json.dumps(BODIES["POST", "/login"]), headers={"Content-Type": media_type}
    )
    assert answer.status_code == 200


# A093
@EVERY_CALL
async def test_every_call_reads_16_kib_and_no_more(client, login, method, path):
    whole = json.dumps(BODIES[method, path]).encode()
    headers = JSON | login.bearer
    too_long = whole + b" " * (MAX_BODY_BYTES + 1 - len(whole))
    for content in (
        too_long,
        pieces(*([b" " * 1024] * 17)),
        pieces(too_long[:-1], too_long[-1:]),
    ):
        answer = await client.request(method, path, content=content, headers=headers)
        assert (answer.status_code, code_of(answer)) == (413, "body_too_large")


async def test_a_body_of_exactly_the_limit_is_read(client, login):
    whole = json.dumps(BODIES["POST", "/login"]).encode()
    fitting = whole + b" " * (MAX_BODY_BYTES - len(whole))
    for content in (fitting, pieces(fitting[:100], fitting[100:])):
        assert (await client.post("/login", content=content, headers=JSON)).status_code == 200


async def test_a_declared_length_above_the_limit_is_refused_before_anything_is_read(client):
    async def unread() -> AsyncIterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    headers = JSON | {"Content-Length": "16385"}
    assert code_of(await client.post("/login", content=unread(), headers=headers)) == "body_too_large"


# A087, A096
@EVERY_CALL
async def test_every_call_refuses_unknown_fields_and_repeats_nothing_of_them(client, login, method, path):
    for name in ("is_admin", "id", "email_verified", "__proto__", "constructor", "", CANARY, f"/{CANARY}~"):
        body = BODIES[method, path] | {name: CANARY}
        answer = await client.request(method, path, json=body, headers=login.bearer)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request"), name
        assert_silent(answer)


# A087
@EVERY_CALL
async def test_every_field_of_every_call_refuses_what_it_is_not(client, login, method, path):
    misfits = [
        1, 1.5, True, [], [CANARY], {}, {CANARY: CANARY}, "\ud800" + CANARY, CANARY + "x" * 5000,
    ]  # fmt: skip
    for name in BODIES[method, path]:
        for misfit in misfits:
            body = json.dumps(BODIES[method, path] | {name: misfit}).encode()
            answer = await client.request(method, path, content=body, headers=JSON | login.bearer)
            assert (answer.status_code, code_of(answer)) == (422, "invalid_request"), (name, misfit)
            assert [field["pointer"] for field in answer.json()["errors"]] == [f"/{name}"]
            assert_silent(answer)


@EVERY_CALL
async def test_every_call_refuses_a_body_that_is_no_object(client, login, method, path):
    for body in (b"[]", b"null", b'"x"', b"1", b"true", b'[{"username": "ada"}]'):
        answer = await client.request(method, path, content=body, headers=JSON | login.bearer)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


# A015
@EVERY_CALL
async def test_strange_text_is_never_a_defect(client, login, method, path):
    for text in ("\x00", "a\x00b", "\u202e", "\u2028", "\ufeff", "😀" * 20, "x" * 300, "' OR 1=1 --", "%00"):
        for name in BODIES[method, path]:
            body = BODIES[method, path] | {name: text}
            answer = await client.request(method, path, json=body, headers=login.bearer)
            assert answer.status_code < 500, (name, text)
            if answer.status_code >= 400:
                code_of(answer)


@pytest.mark.parametrize("path", ["/register", "/login", "/refresh_jwt"])
async def test_a_body_is_asked_for(client, path):
    assert code_of(await client.post(path)) == "unsupported_media_type"
    assert code_of(await client.post(path, headers=JSON)) == "invalid_json"
    assert code_of(await client.post(path, json={})) == "invalid_request"


async def test_a_log_out_needs_no_body(client, login):
    assert (await client.post("/logout", headers=login.bearer)).status_code == 204


class TestTheForm:
    async def log_in(self, client: httpx.AsyncClient, **fields: str) -> httpx.Response:
        return await client.post("/login", content=urlencode(fields), headers=FORM)

    async def test_it_logs_in(self, client, login):
        for extra in ({}, {"grant_type": "password"}, {"grant_type": ""}, {"scope": "", "client_id": "x"}):
            answer = await self.log_in(client, username="ada", password=PASSWORD, **extra)
            assert answer.status_code == 200
            assert answer.json()["token_type"] == "Bearer"

    async def test_another_grant_is_refused(self, client, login):
        answer = await self.log_in(client, username="ada", password=PASSWORD, grant_type=CANARY)
        assert (answer.status_code, code_of(answer)) == (400, "invalid_form")
        assert_silent(answer)

    @pytest.mark.parametrize(
        "body",
        ["username=ada&username=ada&password=x", "username=%ff&password=x", "username", "username=é"],
    )
    async def test_one_that_cannot_be_read_is_refused(self, client, body):
        answer = await client.post("/login", content=body.encode(), headers=FORM)
        assert (answer.status_code, code_of(answer)) == (400, "invalid_form")

    async def test_missing_fields_are_named(self, client):
        answer = await client.post("/login", content=b"", headers=FORM)
        assert [field["pointer"] for field in answer.json()["errors"]] == ["/username", "/password"]

    async def test_it_is_limited_too(self, client):
        answer = await self.log_in(client, username="ada", password="x" * MAX_BODY_BYTES)
        assert code_of(answer) == "body_too_large"

    @pytest.mark.parametrize("path", ["/register", "/refresh_jwt", "/logout"])
    async def test_no_other_call_takes_it(self, client, path):
        answer = await client.post(path, content=urlencode(BODIES["POST", path]), headers=FORM)
        assert code_of(answer) == "unsupported_media_type"
