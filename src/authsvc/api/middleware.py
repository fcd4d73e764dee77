"""What happens to every request: an id, the headers that protect, and a last resort. Plain ASGI."""

from collections.abc import Iterable
from random import Random

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authsvc.errors import InternalError
from authsvc.kit.logs import request_id
from authsvc.problems import problem_response

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
_RANDOM_BITS = ~((0xF << 76) | (0x3 << 62))
_VERSION_4 = (0x4 << 76) | (0x2 << 62)
_draw = Random().getrandbits  # unique, not secret; uuid4 costs four times as much  # noqa: S311


def receive_request(scope: Scope) -> str:
    """Give the request an id, a random UUID (RFC 9562, section 5.4), unless it has one; return it."""
    state = scope.setdefault("state", {})
    given: str | None = state.get("request_id")
    if given is None:
        digits = f"{_draw(128) & _RANDOM_BITS | _VERSION_4:032x}"
        given = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        state["request_id"] = given
        request_id.set(given)
    return given


def protected(headers: Iterable[tuple[bytes, bytes]], of_request: str) -> list[tuple[bytes, bytes]]:
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
