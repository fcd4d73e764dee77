"""What happens to every request: an id, the headers that protect, and a last resort. Plain ASGI."""

from uuid import uuid4

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authsvc.errors import InternalError
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


class FrontDesk:
    """Receives every request first and sees every answer last."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; answer 500 for a defect, and log it, instead of passing it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_protected(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = [header for header in message["headers"] if header[0] != _REQUEST_ID]
                named = {name for name, _ in own}
                message["headers"] = [
                    *own,
                    (_REQUEST_ID, request_id.encode()),
                    *(header for header in _PROTECTION if header[0] not in named),
                ]
            await send(message)

        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, send_protected)
        except ClientDisconnect:
            _log.info("client_gone", path=scope["path"], method=scope["method"])  # nobody is left to tell
        except Exception:
            _log.exception("defect", path=scope["path"], method=scope["method"])
            if not started:
                await problem_response(InternalError(), scope)(scope, receive, send_protected)
        finally:
            structlog.contextvars.reset_contextvars(**bound)
