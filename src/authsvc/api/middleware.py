"""What happens to every request: an id, the headers that protect, and a last resort. Plain ASGI."""

from collections.abc import Iterable
from random import Random
from uuid import UUID

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authsvc.errors import InternalError
from authsvc.kit.logs import request_id
from authsvc.problems import problem_response

Header = tuple[bytes, bytes]

_log = structlog.get_logger(__name__)

PROTECTION = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
"""Sent with every answer, unless the answer says otherwise itself."""

_PROTECTION = tuple((name.lower().encode(), value.encode()) for name, value in PROTECTION.items())
_REQUEST_ID = b"x-request-id"  # ASGI has names in small letters
_draw = Random().getrandbits  # unique, not secret; uuid4 costs four times as much  # noqa: S311
_OF_PROCESS = str(UUID(int=_draw(64) << 64, version=4))[:20]


def receive_request(scope: Scope) -> str:
    """Give the request an id, a UUID (RFC 9562), unless it has one; return it.

    The first half tells this process from others, the second is random.
    """
    state = scope.setdefault("state", {})
    given: str | None = state.get("request_id")
    if given is None:
        digits = f"{_draw(60):015x}"
        given = f"{_OF_PROCESS}{digits[:3]}-{digits[3:]}"
        state["request_id"] = given
        request_id.set(given)
    return given


def protected(headers: Iterable[Header], of_request: str) -> list[Header]:
    """Return ``headers``, whose names are none of `PROTECTION`'s, with those and the id of the request."""
    return [*headers, (_REQUEST_ID, of_request.encode()), *_PROTECTION]


class FrontDesk:
    """Receives every request first and sees every answer last."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; answer 500 for a defect, and log it, instead of passing it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = receive_request(scope)
        started = False

        async def send_protected(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = [header for header in message["headers"] if header[0] != _REQUEST_ID]
                named = {name for name, _ in own}
                message["headers"] = [
                    *own,
                    (_REQUEST_ID, given.encode()),
                    *(header for header in _PROTECTION if header[0] not in named),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_protected)
        except ClientDisconnect:
            _log.info("client_gone", path=scope["path"], method=scope["method"])  # nobody is left to tell
        except Exception:
            _log.exception("defect", path=scope["path"], method=scope["method"])
            if not started:
                await problem_response(InternalError(), scope)(scope, receive, send_protected)
