"""Which other sites' pages may call the service from a browser: CORS (Fetch Standard, section 3.2).

Starlette's middleware answers a preflight in plain text, and refuses one with 400 in plain text. Here every
refusal is problem+json, and who is not on the list is answered as if there were no CORS.
Credentials are never allowed: tokens travel in a header that the page sets itself.
"""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authsvc.api.middleware import FrontDesk
from authsvc.api.ready_answers import withdraw

_VARY = (b"vary", b"Origin")
_EXPOSED = (
    b"access-control-expose-headers",
    b"Device-Token, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id",
)
_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, Device-Token"),
    (b"access-control-max-age", b"600"),
)


class Cors:
    """Tells browsers that pages of ``origins`` may read what ``app`` answers.

    ``origins`` are canonical: exactly what a browser sends.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)
        self._preflight = FrontDesk(_answer_preflight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = [value for name, value in scope["headers"] if name == b"origin"]
        origin = sent[0] if len(sent) == 1 and sent[0] in self._origins else None
        marks = [_VARY] if origin is None else [_VARY, (b"access-control-allow-origin", origin), _EXPOSED]

        withdraw(scope)  # the answer has to come by here

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *marks]
            await send(message)

        app = self._preflight if origin and _asks_first(scope) else self._app
        await app(scope, receive, send_marked)


def _asks_first(scope: Scope) -> bool:
    """Tell whether it is a preflight: a browser that asks whether it may ask."""
    return scope["method"] == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )


async def _answer_preflight(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT)})
    await send({"type": "http.response.body", "body": b""})
