"""Where every request comes in, before the express lane and before the framework."""

from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from authsvc.api.cors import Cors
from authsvc.api.express import ExpressService
from authsvc.api.hosts import HostCheck, Hosts


class GuardedService(ExpressService):
    """An application that answers to ``hosts`` alone, and lets pages of the canonical ``origins`` read it."""

    def __init__(self, hosts: Hosts, origins: Sequence[str], **framework: Any) -> None:
        super().__init__(**framework)
        checked: ASGIApp = HostCheck(super().__call__, hosts)
        self._entrance = Cors(checked, origins) if origins else checked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._entrance(scope, receive, send)
