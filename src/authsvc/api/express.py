"""The express lane: the two calls that most requests are, served before the framework is asked.

Their routes stand in the router too, which is where the API is described; a test holds both to the same
answers. Routing, dependencies and response models would cost several times what these calls do.
"""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from authsvc.api.bodies import json_body
from authsvc.api.deps import client, sent_token
from authsvc.api.middleware import FrontDesk, protected, receive_request
from authsvc.api.ready_answers import writer
from authsvc.api.sessions import RefreshRequest, TokenResponse
from authsvc.errors import AuthsvcError
from authsvc.flows.refresh import Refresh
from authsvc.flows.show_user import ShowUser
from authsvc.kit.outage import Outage
from authsvc.passwords.hasher import PasswordHasher
from authsvc.problems import tell

_JSON = (b"content-type", b"application/json")
_LINES = b"".join(b"%b: %b\r\n" % header for header in protected([_JSON], "%b"))

Answer = Callable[[Scope, Receive], Awaitable[bytes | None]]
"""Serves a call: returns the JSON of its 200, or raises; None leaves the call to the framework."""


class ExpressService(FastAPI):
    """An application of the framework that serves some methods of some paths by itself: ``express``."""

    express: Mapping[tuple[str, str], Answer] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. What is refused, and what goes wrong, is told from the front desk."""
        answer = self.express.get((scope.get("method", ""), scope.get("path", "")))
        if answer is None:
            await super().__call__(scope, receive, send)
            return
        given = receive_request(scope)
        try:
            body = await answer(scope, receive)
        except Exception as error:
            await FrontDesk(_Failure(error))(scope, receive, send)
            return
        if body is None:
            await super().__call__(scope, receive, send)
            return
        write = writer(scope)
        if write is None or not write(_LINES % given.encode(), body):
            headers = protected([(b"content-length", b"%d" % len(body)), _JSON], given)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})


def express_answers(
    show_user: ShowUser, refresh: Refresh, hasher: PasswordHasher
) -> dict[tuple[str, str], Answer]:
    """Return what is served on the express lane, by method and path.

    A log-in is only looked at: while no hash can be computed it is refused here, since reading it, asking the
    database and counting it would slow down everybody else for nothing.
    """
    read_body = json_body(RefreshRequest)

    async def own_user(scope: Scope, _: Receive) -> bytes:
        values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        return await show_user(sent_token(values))

    async def refresh_jwt(scope: Scope, receive: Receive) -> bytes:
        request = Request(scope, receive)
        sent = await read_body(request)
        pair = await refresh(sent.refresh_token, await client(request))
        return TokenResponse.of(pair).model_dump_json().encode()

    async def login(_: Scope, __: Receive) -> None:
        hasher.require_room()

    return {("GET", "/user"): own_user, ("POST", "/refresh_jwt"): refresh_jwt, ("POST", "/login"): login}


class _Failure:
    """Tells an error that is ours to tell, and leaves any other to the front desk."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not isinstance(self._error, AuthsvcError | Outage):
            raise self._error
        await tell(self._error, scope)(scope, receive, send)
