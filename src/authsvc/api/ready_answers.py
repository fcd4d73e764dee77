"""An ASGI extension of our server: an answer that is ready goes out in one write.

uvicorn checks every header of an answer with two regular expressions. On the express lane they are ours
alone, and checking them again would cost as much as the rest of the call.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from weakref import ReferenceType, ref

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

Write = Callable[[int, bytes, bytes], bool]
"""Takes a status, header lines, each with its CRLF, and a body; writes them, or returns False: `send` must.

``content-length`` and the server's own lines are added. Nothing that a client sent may stand in the lines.
"""

_EXTENSION = "authsvc.ready"


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return headers as they stand on the wire."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def writer(scope: Scope) -> Write | None:
    """Return what writes a ready answer to this request; None where another server serves."""
    write: Write | None = scope.get("extensions", {}).get(_EXTENSION)
    return write


def withdraw(scope: Scope) -> None:
    """Let the answer go by `send`, for middleware that has to see it."""
    scope.get("extensions", {}).pop(_EXTENSION, None)


class ReadyAnswers(HttpToolsProtocol):
    """uvicorn's protocol with the extension."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope: Any = cycle.scope  # its type knows only the extensions of uvicorn itself
        # Weakly: a scope that held its cycle would leave each request to the garbage collector, which
        # stops everybody for tens of milliseconds when there are enough of them.
        scope["extensions"] = {_EXTENSION: partial(_write, ref(cycle))}
        super()._start_asgi_task(cycle, app)


def _write(serving: ReferenceType[RequestResponseCycle], status: int, lines: bytes, body: bytes) -> bool:
    """Do what ``send`` of the cycle does with the two messages of a whole answer."""
    cycle = serving()
    if cycle is None or cycle.response_started or cycle.disconnected or cycle.flow.write_paused:
        return False
    cycle.response_started = cycle.response_complete = True
    own = header_lines(cycle.default_headers)
    ending = b"" if cycle.keep_alive else b"connection: close\r\n"
    cycle.transport.write(
        b"%b%bcontent-length: %d\r\n%b%b\r\n%b" % (STATUS_LINE[status], own, len(body), ending, lines, body)
    )
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
