"""Where every request comes in, before the express lane and before the framework."""

from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from authsvc.api.cors import Cors
from authsvc.api.express import ExpressService
from authsvc.api.hosts import HostCheck, Hosts
from authsvc.api.request_log import RequestLog


class GuardedService(ExpressService):
    """An application that answers to ``hosts`` alone, and lets pages of the canonical ``origins`` read it.

    Of the requests, the share ``logged`` is logged.
    """

    def __init__(self, hosts: Hosts, origins: Sequence[str], *, logged: float = 0, **framework: Any) -> None:
        super().__init__(**framework)
        entrance: ASGIApp = HostCheck(super().__call__, hosts)
        if origins:
            entrance = Cors(entrance, origins)
        self._entrance = RequestLog(entrance, logged) if logged else entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._entrance(scope, receive, send)
