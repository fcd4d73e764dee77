"""By which names this service may be called: the Host header (RFC 9112, section 3.2).

Nothing here is made from that header, so that a wrong one could do no harm. It is checked all the same: a
page that points its own name at this machine (DNS rebinding), or a cache that mixes up two sites, is refused.
"""

import re
from collections.abc import Awaitable, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from authsvc.api.middleware import FrontDesk
from authsvc.errors import AuthsvcError, InvalidHost, Misdirected
from authsvc.kit.host_names import host_of_url
from authsvc.problems import tell

Headers = Iterable[tuple[bytes, bytes]]

_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_PROBES = frozenset({"/livez", "/readyz"})
"""Asked by load balancers and supervisors by whatever address they know; they tell everybody the same."""

_PORT_DIGITS = 5
_HOST = re.compile(rb"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,254}?)\.?(?::[0-9]{0,5})?")


class Hosts:
    """The names that are admitted, with any port: proxies and containers move ports."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.encode() for name in names)

    @classmethod
    def of(cls, public_url: str, more: Iterable[str]) -> "Hosts":
        """Admit the host of ``public_url``, this machine's names for itself, and ``more`` canonical names."""
        return cls([host_of_url(public_url), *_LOCAL, *more])

    def admits(self, headers: Headers) -> bool:
        """Tell whether there is one Host header, and it names this service."""
        host = None
        for name, value in headers:
            if name == b"host":
                if host is not None:
                    return False
                host = value
        if host is None or host in self._names:
            return host is not None
        name, _, port = host.partition(b":")
        if name in self._names:
            return len(port) <= _PORT_DIGITS and port.isdigit()
        return _name(host) in self._names


class HostCheck:
    """Lets those requests through to ``app`` that call it by one of its names; health checks by any."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts
        self._refuse = FrontDesk(_refuse)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        admitted = scope["type"] != "http" or self._hosts.admits(scope["headers"]) or scope["path"] in _PROBES
        return (self._app if admitted else self._refuse)(scope, receive, send)


def _name(host: bytes) -> bytes | None:
    """Return what stands before the port, None if it is no host at all."""
    parts = _HOST.fullmatch(host.lower())
    return parts and parts[1]


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    sent = [value for name, value in scope["headers"] if name == b"host"]
    single = len(sent) == 1 and _name(sent[0]) is not None
    error: AuthsvcError = Misdirected() if single else InvalidHost()
    await tell(error, scope)(scope, receive, send)
