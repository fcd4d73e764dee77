"""The description of the API: pinned as a whole, and right in what programs rely on."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authsvc.problems import catalogue, status_of

ROOT = Path(__file__).parents[2]
PINNED = ROOT / "tests/house/openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(PINNED.read_text(encoding="utf-8"))
    return read


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_description_is_the_pinned_one():
    """After a change that is meant: ``python scripts/write_openapi.py``, and read the difference."""
    script = [sys.executable, str(ROOT / "scripts/write_openapi.py"), "--check"]
    answer = subprocess.run(script, capture_output=True, text=True, check=False)  # noqa: S603  (ours)
    assert answer.returncode == 0, answer.stdout + answer.stderr


# A086
def test_every_refusal_is_described_as_problem_json(document):
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status != "default" and (int(status) < 400 or name == "GET /readyz"):
                continue
            assert list(answer["content"]) == ["application/problem+json"], (name, status)
            schema = answer["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}


def test_every_code_that_is_described_exists_and_has_that_status(document):
    codes = catalogue()
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status != "default" and int(status) >= 400 and name != "GET /readyz":
                for code in answer["description"].split(", "):
                    assert status_of(codes[code.strip("`")]).value == int(status), (name, code)


def test_what_any_call_may_be_answered_is_described_for_each(document):
    for name, operation in operations(document):
        codes = {code.strip("`") for code in operation["responses"]["default"]["description"].split(", ")}
        assert codes <= set(catalogue()), name
        assert {"malformed_http", "misdirected", "request_timeout", "headers_too_large"} <= codes


def test_an_operation_is_named_like_the_flow_behind_it(document):
    """Generated clients call their methods so."""
    assert {name: operation["operationId"] for name, operation in operations(document)} == {
        "POST /register": "register",
        "POST /login": "log_in",
        "POST /refresh_jwt": "refresh",
        "POST /logout": "log_out",
        "GET /user": "show_user",
        "PATCH /user": "update_user",
        "POST /user/password": "change_password",
        "DELETE /user": "delete_user",
        "GET /sessions": "list_sessions",
        "DELETE /sessions/{session_id}": "end_session",
        "GET /.well-known/jwks.json": "jwks",
        "GET /livez": "livez",
        "GET /readyz": "readyz",
        "GET /problems": "problems",
        "GET /problems/{code}": "problem",
    }


def test_fastapis_own_idea_of_a_refusal_is_not_described(document):
    assert "HTTPValidationError" not in json.dumps(document)
    assert "ValidationError" not in document["components"]["schemas"]


def test_every_reference_leads_somewhere(document):
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])


def test_the_authorize_button_logs_in(document):
    assert document["components"]["securitySchemes"] == {
        "authsvc": {
            "type": "oauth2",
            "description": "Log in with a username and a password.",
            "flows": {"password": {"scopes": {}, "tokenUrl": "login"}},
        }
    }
    guarded = {name for name, operation in operations(document) if operation.get("security")}
    assert guarded == {
        "GET /user",
        "PATCH /user",
        "DELETE /user",
        "POST /user/password",
        "POST /logout",
        "GET /sessions",
        "DELETE /sessions/{session_id}",
    }


def test_a_login_may_be_json_or_a_form(document):
    body = document["paths"]["/login"]["post"]["requestBody"]
    assert set(body["content"]) == {"application/json", "application/x-www-form-urlencoded"}
    for described in body["content"].values():
        assert set(described["schema"]["required"]) == {"username", "password"}


def test_only_the_form_may_hold_fields_that_are_not_described(document):  # A096
    for name, operation in operations(document):
        for media_type, described in operation.get("requestBody", {}).get("content", {}).items():
            open_ended = media_type == "application/x-www-form-urlencoded"
            assert described["schema"]["additionalProperties"] is open_ended, name


def test_no_password_is_asked_for_that_people_had_to_invent_a_secret_for(document):  # A007
    text = json.dumps(document).lower()
    for word in ("security_question", "hint", "mother"):
        assert word not in text
