"""Who is asking: the only thing that FastAPI's ``Depends`` answers here."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.security import OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from authsvc.errors import InvalidToken
from authsvc.flows.authenticate import Authenticate
from authsvc.flows.client import Caller, Client

_MAX_USER_AGENT = 256


class BearerToken(OAuth2PasswordBearer):
    """The access token of a request, unverified; None if there is none (RFC 6750, section 2.1)."""

    def __init__(self) -> None:
        super().__init__(
            tokenUrl="login",
            scheme_name="authsvc",
            description="Log in with a username and a password.",
            auto_error=False,
        )

    async def __call__(self, request: HTTPConnection) -> str | None:
        """Read the Authorization header."""
        return bearer_token(request)


class PresentedToken(BearerToken):
    """Like `BearerToken`, where another token may stand in: a header without one counts as a bad one."""

    async def __call__(self, request: HTTPConnection) -> str | None:
        """Read the Authorization header."""
        try:
            return bearer_token(request)
        except InvalidToken:
            return ""


class Authenticated(BearerToken):
    """The caller of a request whose session lives."""

    def __init__(self, authenticate: Authenticate) -> None:
        super().__init__()
        self._authenticate = authenticate

    async def __call__(self, request: HTTPConnection) -> Any:
        """Return the `Caller`; see `Authenticate` for what is raised."""
        caller: Caller = await self._authenticate(bearer_token(request))
        return caller


def bearer_token(request: HTTPConnection) -> str | None:
    """Return the one bearer token that was sent; see `sent_token`."""
    return sent_token(request.headers.getlist("authorization"))


def sent_token(values: Sequence[str]) -> str | None:
    """Return the one bearer token in the Authorization headers' ``values``, None if there is none.

    Raises:
        InvalidToken: the header stands twice, or holds no token.

    """
    if not values:
        return None
    scheme, _, token = values[0].partition(" ")
    if len(values) == 1 and scheme.lower() != "bearer":
        return None
    token = token.strip(" ")
    if len(values) > 1 or not token:
        raise InvalidToken
    return token


async def client(request: Request) -> Client:
    """Return where the request comes from. The server has dealt with trusted proxies already."""
    address = request.client.host if request.client else "unknown"
    user_agent = request.headers.get("user-agent", "")[:_MAX_USER_AGENT]
    return Client(address, user_agent, request.scope.get("state", {}).get("request_id"))
