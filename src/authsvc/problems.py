"""How an error is told over HTTP: `application/problem+json` (RFC 9457), from this one place."""

import json
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from authsvc import errors
from authsvc.errors import AuthsvcError
from authsvc.kit.outage import Outage, reason
from authsvc.kit.sparing_log import SparingLog

_log = structlog.get_logger(__name__)
_outages = SparingLog(_log)
_shed = SparingLog(_log, "warning")

_STATUS: dict[type[AuthsvcError], HTTPStatus] = {
    errors.MalformedRequest: HTTPStatus.BAD_REQUEST,
    errors.UnfitRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    errors.CredentialsRefused: HTTPStatus.UNAUTHORIZED,
    errors.Taken: HTTPStatus.CONFLICT,
    errors.Missing: HTTPStatus.NOT_FOUND,
    errors.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.Misdirected: HTTPStatus.MISDIRECTED_REQUEST,
    errors.RequestTimeout: HTTPStatus.REQUEST_TIMEOUT,
    errors.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.TargetTooLong: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.HeadersTooLarge: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    errors.NotNow: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

_TOLD_BY_THE_FRAMEWORK: dict[int, type[AuthsvcError]] = {
    HTTPStatus.NOT_FOUND: errors.PathNotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: errors.MethodNotAllowed,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.BodyTooLarge,
}

_TOLD_ANYWHERE = (
    errors.MalformedHttp,
    errors.InvalidHost,
    errors.Misdirected,
    errors.MethodNotAllowed,
    errors.RequestTimeout,
    errors.TargetTooLong,
    errors.HeadersTooLarge,
    errors.Overloaded,
    errors.InternalError,
)
"""What does not depend on the call."""

_WHEN_LIMITED = {
    "headers": {
        "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}},
        "RateLimit": {
            "description": "The limit that is used up; `r` is 0, `t` the seconds to wait",
            "schema": {"type": "string"},
        },
    }
}

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON Pointer to the field (RFC 6901)", examples=["/username"])
    detail: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = Field(
        description="A path of this service that explains it", examples=["/problems/invalid_token"]
    )
    title: str = Field(examples=["The access token is not valid"])
    status: int = Field(examples=[401])
    code: str = Field(examples=["invalid_token"])
    detail: str | None = None
    instance: str = Field(description="The id of the request, as in the log")
    reason: str | None = Field(None, description="With `weak_password`: why")
    errors: list[FieldProblem] | None = Field(None, description="With `invalid_request`: each field")


def status_of(kind: type[AuthsvcError]) -> HTTPStatus:
    """Return the status that errors of this class are told with."""
    return next(_STATUS[parent] for parent in kind.__mro__ if parent in _STATUS)


def catalogue() -> dict[str, type[AuthsvcError]]:
    """Return every code with the class that it belongs to, in the order of the tree."""
    return {kind.code: kind for kind in _descendants(AuthsvcError) if "code" in vars(kind)}


def responses(*kinds: type[AuthsvcError]) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI should say of these errors: FastAPI's ``responses=``."""
    by_status: dict[HTTPStatus, list[type[AuthsvcError]]] = {}
    for kind in kinds:
        by_status.setdefault(status_of(kind), []).append(kind)
    return {status.value: _described(group) for status, group in sorted(by_status.items())}


def other_responses() -> dict[str, Any]:
    """Return what OpenAPI should say of the errors that any call may meet."""
    return {"default": _described(_TOLD_ANYWHERE)}


def _described(kinds: Sequence[type[AuthsvcError]]) -> dict[str, Any]:
    return {
        "description": ", ".join(f"`{kind.code}`" for kind in kinds),
        **(_WHEN_LIMITED if errors.TooManyAttempts in kinds else {}),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def schemas() -> dict[str, Any]:
    """Return what `responses` refers to: OpenAPI's ``components/schemas``."""
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**problem.pop("$defs"), "Problem": problem}


def problem_response(error: AuthsvcError, scope: Any) -> Response:
    """Tell ``error``. ``scope`` is the ASGI scope of the request that it belongs to."""
    status = status_of(type(error))
    content: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": status.value,
        "code": error.code,
        "instance": f"urn:uuid:{scope.get('state', {}).get('request_id', '')}",
    }
    if error.detail:
        content["detail"] = error.detail
    headers = {"Cache-Control": "no-store"}
    match error:
        case errors.InvalidRequest():
            content["errors"] = [{"pointer": f.pointer, "detail": f.detail} for f in error.fields]
        case errors.WeakPassword():
            content["reason"] = error.reason
        case errors.TooManyAttempts():
            headers["Retry-After"] = str(error.retry_after)
            # draft-ietf-httpapi-ratelimit-headers-11, section 4
            headers["RateLimit"] = f'"{error.rule}";r=0;t={error.retry_after}'
        case errors.NotNow():
            headers["Retry-After"] = str(error.retry_after)
        case errors.InvalidToken() | errors.SessionEnded() | errors.NeitherTokenGenuine():
            headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        case errors.NotAuthenticated() | errors.CredentialsRefused():
            headers["WWW-Authenticate"] = "Bearer"
        case _:
            pass
    body = json.dumps(content, ensure_ascii=False).encode()
    return Response(body, status, headers, media_type="application/problem+json")


def tell(error: AuthsvcError | Outage, scope: Any) -> Response:
    """Log what went wrong, and return the problem that the client is told."""
    return problem_response(note(error, scope), scope)


def note(error: AuthsvcError | Outage, scope: Any) -> AuthsvcError:
    """Log what went wrong, and return what the client is told."""
    path = scope["path"]
    if isinstance(error, Outage):
        event = "defect" if error.is_defect else "outage"
        _outages.tell(
            event, {"path": path}, dependency=error.dependency, kind=error.kind, cause=reason(error)
        )
        return errors.ServiceUnavailable()
    if isinstance(error, errors.Overloaded):
        _shed.tell("overloaded", {"path": path})
    else:
        _log.info("refused", code=error.code, fact=error.fact, path=path)
    return error


def install(app: FastAPI) -> None:
    """Tell every error of ``app`` from here."""

    async def tell_ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, AuthsvcError | Outage)  # noqa: S101  (registered for nothing else)
        return tell(error, request.scope)

    async def tell_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  (registered for nothing else)
        kind = _TOLD_BY_THE_FRAMEWORK.get(error.status_code)
        if kind is None:
            _log.error("defect", framework_status=error.status_code, path=request.scope["path"])
            return problem_response(errors.InternalError(), request.scope)
        response = problem_response(kind(), request.scope)
        if kind is errors.MethodNotAllowed:
            response.headers["Allow"] = ", ".join(_allowed_methods(request))
        return response

    async def tell_misfit(request: Request, _: Exception) -> Response:
        return problem_response(errors.InvalidRequest(), request.scope)

    app.add_exception_handler(AuthsvcError, tell_ours)
    app.add_exception_handler(RequestValidationError, tell_misfit)  # FastAPI's own would echo the input
    app.add_exception_handler(Outage, tell_ours)
    app.add_exception_handler(HTTPException, tell_http)


def _allowed_methods(request: Request) -> list[str]:
    """Return every method that the path takes: the router names only those of the first route that fits."""
    asked = [(method, {**request.scope, "method": method}) for method in _METHODS]
    routes = request.app.router.routes
    return [
        method for method, scope in asked if any(route.matches(scope)[0] is Match.FULL for route in routes)
    ]


def _descendants(kind: type[AuthsvcError]) -> Iterator[type[AuthsvcError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)
