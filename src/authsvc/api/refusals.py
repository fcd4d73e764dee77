"""Problems as they stand on the wire, for the express lane. In a flood they are most answers."""

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


_kept: dict[tuple[str, int, str | None], Refusal] = {}


def refuse(error: AuthsvcError, of_request: str, policy: str | None) -> Refusal:
    """Return what the client is told; ``policy`` is a ``RateLimit-Policy`` (see `quotas`).

    `NotNow` is told thousands of times a second or never: it is put together once, but for the request's id.
    """
    if not isinstance(error, NotNow):
        return _put_together(error, of_request, policy)
    key = error.code, error.retry_after, policy
    kept = _kept.get(key)
    if kept is None:
        kept = _put_together(error, _ANY_REQUEST, policy)
        if len(_kept) < _MOST_KEPT:
            _kept[key] = kept
    id_ = of_request.encode()
    return Refusal(kept.status, kept.lines.replace(_ID, id_), kept.body.replace(_ID, id_))


def _put_together(error: AuthsvcError, of_request: str, policy: str | None) -> Refusal:
    told = problem_response(error, {"state": {"request_id": of_request}})
    headers = [header for header in told.raw_headers if header[0] not in _ADDED]
    if policy is not None:
        headers.append((b"ratelimit-policy", policy.encode("ascii")))
    return Refusal(told.status_code, header_lines(protected(headers, of_request)), bytes(told.body))
