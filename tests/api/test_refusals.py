"""Problems that are put together once are still each request's own."""

import json
from uuid import uuid4

import pytest

from authsvc.api.refusals import Refusals
from authsvc.errors import AuthsvcError, InvalidToken, Overloaded, ServiceUnavailable
from authsvc.problems import problem_response

POLICY = '"login";q=10;w=60'


@pytest.mark.parametrize(
    "error", [Overloaded(), Overloaded(7), ServiceUnavailable(), InvalidToken("The access token has expired")]
)
@pytest.mark.parametrize("policy", [None, POLICY])
def test_each_refusal_is_what_the_framework_would_send_with_the_id_of_its_request(
    error: AuthsvcError, policy: str | None
) -> None:
    refusals = Refusals({} if policy is None else {("POST", "/login"): policy})
    for _ in range(3):
        given = str(uuid4())
        expected = problem_response(error, {"state": {"request_id": given}})
        refusal = refusals.refuse(error, given, "POST", "/login")
        assert refusal.status == expected.status_code
        assert json.loads(refusal.body) == json.loads(bytes(expected.body))
        headers = dict(line.split(b": ", 1) for line in refusal.lines.split(b"\r\n")[:-1])
        assert headers[b"x-request-id"] == given.encode()
        assert headers.get(b"ratelimit-policy") == (policy.encode() if policy else None)
        own = dict(expected.raw_headers)
        own.pop(b"content-length")
        assert headers.items() >= own.items()
