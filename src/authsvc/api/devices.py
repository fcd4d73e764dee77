"""How a device shows that it logged in before: a cookie for browsers, a header for all other clients.

Neither authenticates anybody. They carry the same token, and who has both sends either.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.openapi.models import ParameterInType

from authsvc.api.deps import client
from authsvc.api.middleware import Header
from authsvc.flows.client import Client

DEVICE_TOKEN = "Device-Token"  # noqa: S105  (the name of a header)

DOCUMENTED_REQUEST: dict[str, Any] = {
    "parameters": [
        {
            "name": DEVICE_TOKEN,
            "in": ParameterInType.header,  # the word alone would change the order of the document
            "required": False,
            "description": "What this header of an earlier answer said. Browsers send the cookie instead.",
            "schema": {"type": "string"},
        }
    ]
}
"""What OpenAPI should say of a call that looks at it: FastAPI's ``openapi_extra=``."""

_GIVEN = {
    DEVICE_TOKEN: {
        "description": "Keep it, also after the log-out, and send it with the next login: so wrong passwords "
        "sent by others cannot shut this device out. In a browser, a cookie does that.",
        "schema": {"type": "string"},
    }
}


def documented_answer(status: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI should say of an answer that gives a token: FastAPI's ``responses=``."""
    return {status: {"headers": _GIVEN}}


@dataclass(frozen=True, slots=True)
class DeviceCookie:
    """The cookie that holds a device token; ``secure`` unless the service is reached by plain http.

    With ``secure`` the prefix makes browsers take it from this host alone (RFC 6265bis, section 4.1.3.2).
    """

    secure: bool
    max_age: timedelta

    @property
    def name(self) -> str:
        """What it is called."""
        return "__Host-authsvc_device" if self.secure else "authsvc_device"

    def give(self, response: Response, token: str) -> None:
        """Send the token with ``response``, in both ways."""
        response.raw_headers.extend(self.headers(token))

    def headers(self, token: str) -> tuple[Header, Header]:
        """Return what sends the token, in both ways; the cookie as RFC 6265, section 4.1, has it."""
        kept = f"{self.name}={token}; HttpOnly; Max-Age={int(self.max_age.total_seconds())}; Path=/"
        cookie = f"{kept}; SameSite=strict{'; Secure' if self.secure else ''}"
        return (b"device-token", token.encode("ascii")), (b"set-cookie", cookie.encode("ascii"))


class AskingClient:
    """Where a request comes from, and what it says to be known by."""

    def __init__(self, cookie: DeviceCookie) -> None:
        self._cookie = cookie

    async def __call__(self, request: Request) -> Client:
        """Return the client."""
        device_token = request.headers.get(DEVICE_TOKEN) or request.cookies.get(self._cookie.name)
        return replace(await client(request), device_token=device_token)
