"""How every error is told, and that nothing but errors of ours is told."""

import pytest
import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from tests.support.service import code_of

from authsvc import errors
from authsvc.errors import AuthsvcError, FieldError, Overloaded
from authsvc.kit.outage import Outage
from authsvc.problems import catalogue, problem_response, responses, status_of, tell

ON_STAND_INS = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")

# Clients rely on these: a change here is a change of the API.
CODES = {
    "invalid_json": 400,
    "invalid_form": 400,
    "malformed_http": 400,
    "invalid_host": 400,
    "invalid_request": 422,
    "weak_password": 422,
    "not_authenticated": 401,
    "invalid_token": 401,
    "session_ended": 401,
    "invalid_credentials": 401,
    "invalid_refresh_token": 401,
    "username_taken": 409,
    "email_taken": 409,
    "session_not_found": 404,
    "not_found": 404,
    "problem_not_found": 404,
    "method_not_allowed": 405,
    "misdirected": 421,
    "request_timeout": 408,
    "body_too_large": 413,
    "target_too_long": 414,
    "headers_too_large": 431,
    "unsupported_media_type": 415,
    "too_many_attempts": 429,
    "overloaded": 503,
    "service_unavailable": 503,
    "internal_error": 500,
}

ARGUMENTS = {
    errors.WeakPassword: ("common", "Everybody uses it."),
    errors.InvalidRequest: (FieldError("/name", "Too long"),),
    errors.TooManyAttempts: (7, "account"),
}


def every_error(kind: type[AuthsvcError] = AuthsvcError) -> list[type[AuthsvcError]]:
    """Return the leaves of the tree: what is raised."""
    children = kind.__subclasses__()
    return [leaf for child in children for leaf in every_error(child)] if children else [kind]


def raisable() -> list[type[AuthsvcError]]:
    inner = [kind for kind in catalogue().values() if kind not in every_error()]
    return [*every_error(), *inner]


def test_the_codes_and_their_statuses_are_pinned():  # A086
    assert {code: status_of(kind).value for code, kind in catalogue().items()} == CODES


@pytest.mark.parametrize("kind", raisable(), ids=lambda kind: kind.__name__)
def test_every_error_is_told_as_problem_json(kind):  # A086
    error = kind(*ARGUMENTS.get(kind, ()))
    answer = problem_response(error, {"state": {"request_id": "the-id"}})
    assert answer.status_code == CODES[kind.code]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    assert ("retry-after" in answer.headers) == (answer.status_code in {429, 503})
    told = bytes(answer.body).decode()
    assert '"instance": "urn:uuid:the-id"' in told
    assert f'"type": "/problems/{kind.code}"' in told
    if kind.__name__ != kind.title.replace(" ", ""):
        assert kind.__name__ not in told


def test_what_is_finer_in_the_log_is_told_alike():
    for parent, children in (
        (errors.InvalidCredentials, (errors.UnknownUser, errors.WrongPassword, errors.UserDisabled)),
        (
            errors.InvalidRefreshToken,
            (
                errors.ForgedRefreshToken,
                errors.RefreshTokenReused,
                errors.RefreshTokenUnknown,
                errors.RefreshSessionEnded,
            ),
        ),
    ):
        told = problem_response(parent(), {}).body
        facts = set()
        for child in children:
            assert problem_response(child(), {}).body == told
            facts.add(child().fact)
        assert facts == {child.__name__ for child in children}


def test_the_documentation_of_errors_groups_them_by_status():
    described = responses(errors.InvalidToken, errors.SessionEnded, errors.InvalidJson)
    assert {status: each["description"] for status, each in described.items()} == {
        400: "`invalid_json`",
        401: "`invalid_token`, `session_ended`",
    }


def broken_app(app: FastAPI) -> None:
    @app.get("/defect")
    async def defect() -> None:
        raise ZeroDivisionError("zq9canary")

    @app.get("/outage")
    async def outage() -> None:
        raise Outage("database") from ConnectionError("zq9canary")

    @app.get("/framework/{status}")
    async def framework(status: int) -> None:
        raise HTTPException(status, detail="zq9canary")

    @app.get("/numbers/{number}")
    async def numbers(number: int) -> int:
        return number


@ON_STAND_INS
async def test_a_defect_is_told_as_500_and_the_next_request_works(client, app):  # A104
    broken_app(app)
    answer = await client.get("/defect")
    assert (answer.status_code, code_of(answer)) == (500, "internal_error")
    assert answer.json()["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    assert "zq9canary" not in answer.text
    assert "Traceback" not in answer.text
    assert (await client.get("/livez")).status_code == 200


@ON_STAND_INS
async def test_an_outage_names_neither_the_dependency_nor_the_cause(client, app):
    broken_app(app)
    answer = await client.get("/outage")
    assert (answer.status_code, code_of(answer)) == (503, "service_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert "database" not in answer.text
    assert "zq9canary" not in answer.text


@ON_STAND_INS
async def test_fastapis_own_refusal_is_told_by_us_and_echoes_nothing(client, app):  # A087
    broken_app(app)
    answer = await client.get("/numbers/zq9canary")
    assert (answer.status_code, code_of(answer)) == (422, "invalid_request")
    assert "zq9canary" not in answer.text


@ON_STAND_INS
@pytest.mark.parametrize("status", [418, 599])
async def test_an_error_of_the_framework_that_is_none_of_ours_is_a_defect(client, app, status):
    broken_app(app)
    with structlog.testing.capture_logs() as logged:
        answer = await client.get(f"/framework/{status}")
    assert (answer.status_code, code_of(answer)) == (500, "internal_error")
    assert "zq9canary" not in answer.text
    defects = [line for line in logged if line["event"] == "defect"]
    assert [(line["log_level"], line["framework_status"]) for line in defects] == [("error", status)]
    assert "zq9canary" not in str(logged)


@ON_STAND_INS
async def test_an_error_of_the_framework_that_is_one_of_ours_is_no_defect(client, app):
    broken_app(app)
    with structlog.testing.capture_logs() as logged:
        answer = await client.get("/framework/413")
    assert (answer.status_code, code_of(answer)) == (413, "body_too_large")
    assert not [line for line in logged if line["log_level"] == "error"]


async def test_log_ins_that_are_shed_are_one_line_in_the_log():
    with structlog.testing.capture_logs() as logged:
        answers = [tell(Overloaded(), {"path": "/login", "state": {}}) for _ in range(1000)]
    assert {answer.status_code for answer in answers} == {503}
    assert logged == [{"event": "overloaded", "path": "/login", "log_level": "warning"}]
