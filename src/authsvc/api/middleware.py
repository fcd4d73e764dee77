"""What happens to every request: an id, the headers that protect, and a last resort. Plain ASGI."""

from uuid import uuid4

import structlog
from starlette.datastructures import MutableHeaders
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
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in PROTECTION.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_protected)
            except ClientDisconnect:
                _log.info("client_gone", path=scope["path"], method=scope["method"])  # nobody is left to tell
            except Exception:
                _log.exception("defect", path=scope["path"], method=scope["method"])
                if not started:
                    await problem_response(InternalError(), scope)(scope, receive, send_protected)
