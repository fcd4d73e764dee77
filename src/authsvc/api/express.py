"""The express lane: the calls that most requests are, and logging in, served before the framework is asked.

Their routes stand in the router too, which is where the API is described; a test holds both to the same
answers. Routing, dependencies and response models would cost several times what the first two do, and a
fifth of what a log-in takes of the event loop.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from authsvc.api.bodies import json_body, json_or_form_body
from authsvc.api.deps import client, sent_token
from authsvc.api.devices import AskingClient, DeviceCookie
from authsvc.api.middleware import FrontDesk, Header, protected, receive_request
from authsvc.api.ready_answers import header_lines, writer
from authsvc.api.refusals import Refusals
from authsvc.api.sessions import LoginRequest, RefreshRequest, token_json
from authsvc.errors import AuthsvcError
from authsvc.flows.log_in import LogIn
from authsvc.flows.refresh import Refresh
from authsvc.flows.show_user import ShowUser
from authsvc.kit.outage import Outage
from authsvc.passwords.hasher import PasswordHasher
from authsvc.problems import note

_OK = HTTPStatus.OK.value
_JSON = (b"content-type", b"application/json")
_LINES = header_lines(protected([_JSON], "%b"))

Answer = Callable[[Scope, Receive], Awaitable[tuple[bytes, Sequence[Header]]]]
"""Serves a call: returns the JSON of its 200 and headers of its own, or raises."""


class ExpressService(FastAPI):
    """An application of the framework that serves some methods of some paths by itself: ``express``."""

    express: Mapping[tuple[str, str], Answer] = {}
    refusals: Refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. What goes wrong is told from the front desk."""
        answer = self.express.get((scope.get("method", ""), scope.get("path", "")))
        if answer is None:
            await super().__call__(scope, receive, send)
            return
        given = receive_request(scope)
        try:
            body, more = await answer(scope, receive)
        except (AuthsvcError, Outage) as error:
            status, lines, body = self.refusals.refuse(
                note(error, scope), given, scope["method"], scope["path"]
            )
        except Exception as error:
            defect = error

            async def fail(*_: object) -> None:
                raise defect

            await FrontDesk(fail)(scope, receive, send)
            return
        else:
            status, lines = _OK, _LINES % given.encode()
            if more:
                lines += header_lines(more)
        write = writer(scope)
        if write is None or not write(status, lines, body):
            headers = [tuple(line.split(b": ", 1)) for line in lines.split(b"\r\n")[:-1]]
            headers.insert(0, (b"content-length", b"%d" % len(body)))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})


def express_answers(
    show_user: ShowUser,
    refresh: Refresh,
    log_in: LogIn,
    hasher: PasswordHasher,
    cookie: DeviceCookie,
    policies: Mapping[tuple[str, str], str],
) -> dict[tuple[str, str], Answer]:
    """Return what is served on the express lane, by method and path.

    While no hash can be computed a log-in is refused unread: reading it, asking the database and counting
    it would slow down everybody else for nothing.
    """
    read_refresh, read_login = json_body(RefreshRequest), json_or_form_body(LoginRequest)
    asking_client = AskingClient(cookie)
    policy = (b"ratelimit-policy", policies["POST", "/login"].encode("ascii"))

    async def own_user(scope: Scope, _: Receive) -> tuple[bytes, Sequence[Header]]:
        values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        return await show_user(sent_token(values)), ()

    async def refresh_jwt(scope: Scope, receive: Receive) -> tuple[bytes, Sequence[Header]]:
        request = Request(scope, receive)
        sent = await read_refresh(request)
        pair = await refresh(sent.refresh_token, await client(request))
        return token_json(pair), ()

    async def login(scope: Scope, receive: Receive) -> tuple[bytes, Sequence[Header]]:
        hasher.require_room()
        request = Request(scope, receive)
        sent = await read_login(request)
        pair = await log_in(sent.username, sent.password, await asking_client(request))
        known = () if pair.device_token is None else cookie.headers(pair.device_token)
        return token_json(pair), (*known, policy)

    return {("GET", "/user"): own_user, ("POST", "/refresh_jwt"): refresh_jwt, ("POST", "/login"): login}
