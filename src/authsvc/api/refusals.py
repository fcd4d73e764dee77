"""Problems as they stand on the wire, for the express lane. In a flood they are most answers."""

from collections.abc import Mapping
from typing import NamedTuple

from authsvc.api.middleware import protected
from authsvc.api.ready_answers import header_lines
from authsvc.errors import AuthsvcError, NotNow
from authsvc.problems import problem_response

_ADDED = {b"content-length", b"cache-control"}  # to every answer
_ANY_REQUEST = "0" * 36  # no request has this id, see `receive_request`
_ID = _ANY_REQUEST.encode()
_MOST_KEPT = 64


class Refusal(NamedTuple):
    """A status, header lines and a body: what `ready_answers.Write` takes."""

    status: int
    lines: bytes
    body: bytes


class Refusals:
    """Puts problems together, with the ``policies`` that are told with every answer (see `quotas`).

    What is told thousands of times a second or never, `NotNow`, is put together once, but for the id.
    """

    def __init__(self, policies: Mapping[tuple[str, str], str]) -> None:
        self._policies = policies
        self._kept: dict[tuple[str, int, str | None], Refusal] = {}

    def refuse(self, error: AuthsvcError, of_request: str, method: str, path: str) -> Refusal:
        """Return what the client of that request is told."""
        policy = self._policies.get((method, path))
        if not isinstance(error, NotNow):
            return _put_together(error, of_request, policy)
        kind = error.code, error.retry_after, policy
        kept = self._kept.get(kind)
        if kept is None:
            kept = _put_together(error, _ANY_REQUEST, policy)
            if len(self._kept) < _MOST_KEPT:
                self._kept[kind] = kept
        id_ = of_request.encode()
        return Refusal(kept.status, kept.lines.replace(_ID, id_), kept.body.replace(_ID, id_))


def _put_together(error: AuthsvcError, of_request: str, policy: str | None) -> Refusal:
    told = problem_response(error, {"state": {"request_id": of_request}})
    headers = [header for header in told.raw_headers if header[0] not in _ADDED]
    if policy is not None:
        headers.append((b"ratelimit-policy", policy.encode("ascii")))
    return Refusal(told.status_code, header_lines(protected(headers, of_request)), bytes(told.body))
