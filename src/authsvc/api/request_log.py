"""A line in the log for some requests, or all: what was asked and answered, and how long it took."""

from random import Random
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authsvc.api.ready_answers import withdraw

_log = structlog.get_logger(__name__)
_draw = Random().random  # which requests are logged is no secret  # noqa: S311


class RequestLog:
    """Logs one request in so many: a ``share`` of 1 is all of them. Plain ASGI, around everything else.

    The line has no query, no header and nothing of a body. What the server refuses by itself, before the
    application is asked, is not seen here.
    """

    def __init__(self, app: ASGIApp, share: float) -> None:
        self._app = app
        self._share = share

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or _draw() >= self._share:
            await self._app(scope, receive, send)
            return
        withdraw(scope)
        status = 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = perf_counter()
        try:
            await self._app(scope, receive, send_noted)
        finally:
            client = scope.get("client")
            _log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,  # 0: nobody waited for an answer any more
                milliseconds=round((perf_counter() - began) * 1000, 1),
                client=client[0] if client else None,
            )
