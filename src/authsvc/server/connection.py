"""One connection of HTTP/1.1: uvicorn's, stricter about what is sent, how much of it, and how slowly.

uvicorn's protocol stays in charge of everything that is in order. Here is added what it leaves open: limits,
deadlines, and refusals that are told like all others. Where a method replaces uvicorn's own, a test notices
when that one changes.
"""

import math
from asyncio import AbstractEventLoop, Transport
from enum import IntEnum
from typing import Any, Protocol

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from authsvc.api.ready_answers import ReadyAnswers
from authsvc.errors import (
    AuthsvcError,
    BodyTooLarge,
    HeadersTooLarge,
    MalformedHttp,
    RequestTimeout,
    ServiceUnavailable,
    TargetTooLong,
)
from authsvc.server import limits
from authsvc.server.refusals import refusal

_NEVER = math.inf
_NOTED = frozenset({b"expect", b"transfer-encoding"})
_LOOKED_AT_CLOSELY = 4096  # fewer bytes than this cannot break a limit
_SLASH = ord("/")
_VERSIONS = ("1.1", "1.0")


class Stage(IntEnum):
    """What of a request has arrived."""

    HEAD = 1  # nothing, or some of its head
    BODY = 2  # its head, and some of its body
    WHOLE = 3


_HEAD, _BODY, _WHOLE = Stage


class Gate(Protocol):
    """What a connection reports to when it begins, and what tells it to end."""

    is_leaving: bool

    def enter(self, connection: "Connection") -> None:
        """Take note of a connection, or refuse it."""


class _NoTrailers(tuple[tuple[bytes, bytes], ...]):
    """Stands where headers are collected once all are there: a header after the body would pass for one."""

    __slots__ = ()

    def append(self, _: object) -> None:
        raise MalformedHttp("A header stands after the body.")


_COMPLETE: Any = _NoTrailers()


class Connection(ReadyAnswers):
    """A client's connection. `look` is to be called every now and then: it keeps the deadlines."""

    def __init__(
        self,
        gate: Gate,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._gate = gate
        self._stage = _HEAD
        self._received = 0  # bytes of the request that arrives, or a few more
        self._deadline = _NEVER
        self._done = False  # all is said, and what still comes is thrown away

    # What the transport calls

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin: the first request has to come soon."""
        super().connection_made(transport)
        self._deadline = self.loop.time() + limits.HEAD_TIME
        self._gate.enter(self)

    def data_received(self, data: bytes) -> None:
        """Read on, and see that no limit is passed."""
        self._received += len(data)
        if self._done:
            if self._received > limits.UNREAD:
                self.transport.abort()
            return
        if self._stage is _WHOLE:
            self._stage = _HEAD  # even an empty line begins a request, so that it has a deadline
            self._deadline = _NEVER
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._done = True  # not taken up: see on_headers_complete
        except httptools.HttpParserError as error:
            refused = error.__context__  # raised in what the parser called, or by itself
            self.refuse(refused if isinstance(refused, AuthsvcError) else MalformedHttp())
        if self._stage is not _WHOLE and not self._done:
            self._await_more(len(data))

    # What the parser calls

    def on_url(self, url: bytes) -> None:
        """Take in (a part of) the request's target."""
        self.url += url
        self._stage = _HEAD

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header."""
        name = name.lower()
        if name in _NOTED:
            self._note(name, value.lower())
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the head as a whole, and start to serve the request."""
        parser, url = self.parser, self.url
        if len(self.headers) > limits.HEADER_LINES:
            raise HeadersTooLarge
        if self._received > _LOOKED_AT_CLOSELY:
            self._refuse_large_head()
        if url[0] != _SLASH or b"#" in url:
            self._refuse_odd_target()
        if parser.get_http_version() not in _VERSIONS:
            raise MalformedHttp("The version of HTTP is not 1.1.")
        upgrade = parser.should_upgrade()
        if upgrade:
            self._refuse_body()
        super().on_headers_complete()
        if upgrade or self._gate.is_leaving:
            self.cycle.keep_alive = False  # the parser reads no further; or the process ends soon
        self.headers = _COMPLETE
        self._stage = _BODY
        self._deadline = _NEVER

    def on_message_complete(self) -> None:
        """Note that the request is whole: from here on it is the service that takes time."""
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()
        self._stage = _WHOLE
        self._received = 0
        self._deadline = _NEVER

    # What the answer calls

    def on_response_complete(self) -> None:
        """Wait for the next request, for a while; in place of a timer each time there is `look`."""
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self._stage is _WHOLE and not self.transport.is_closing():
            self._deadline = self.loop.time() + self.timeout_keep_alive

    # What the gate calls

    def look(self, now: float) -> None:
        """Do what is due at ``now``, by the loop's clock."""
        if self._deadline > now:
            if self._deadline is _NEVER:
                if self.transport.is_closing():
                    self._deadline = now + limits.READING_TIME
            elif self._stage is _BODY and self.cycle.response_complete:
                self._deadline = min(self._deadline, now + limits.REST_TIME)
        elif self._done or self.transport.is_closing():
            self.transport.abort()
        elif self._stage is _HEAD and self._is_answering:
            self._deadline = now + limits.HEAD_TIME
        elif self._received:
            self.refuse(RequestTimeout())
        else:  # nothing was asked
            self.transport.close()
            self._deadline = now + limits.READING_TIME

    def refuse(self, error: AuthsvcError) -> None:
        """Answer ``error`` to the request that arrives, and hang up."""
        cycle = self.cycle
        self._done = True
        self._received = 0
        self._deadline = self.loop.time() + limits.REST_TIME
        if not self._is_answering:
            path = None
            answered = self._stage is _BODY
        elif self._stage is not _BODY:
            # Answers to earlier requests are on their way; the connection ends with the last of them.
            cycle.keep_alive = False
            self._deadline = _NEVER
            return
        else:
            path = self.scope["path"]
            answered = cycle.response_started or bool(self.pipeline)
            cycle.disconnected = True  # for the application, the client is gone
            cycle.message_event.set()
        if not answered:
            self.transport.write(refusal(error, path, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()  # and listen a little longer: closing now could destroy the answer

    # What the server calls when it stops

    def shutdown(self) -> None:
        """End after what is under way or arriving. Who asks nothing is let go when the gate looks next.

        Not at once: a request may be in the socket, unread, and closing would destroy it.
        """
        if self._is_answering:
            self.cycle.keep_alive = False
        elif not self._done and not self._received:
            self._stage = _WHOLE  # whatever comes now has its own deadline
            self._deadline = self.loop.time()

    def give_up(self) -> None:
        """Answer 503 to what is under way: nobody will wait for it any more."""
        if not self._is_answering:
            self.transport.close()
        elif self.cycle.response_started or self.pipeline:
            self.transport.abort()  # so that nobody takes half an answer for a whole one
        else:
            self._stage = _BODY  # of a request that may be refused still
            self.refuse(ServiceUnavailable())

    # The rest

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _await_more(self, size: int) -> None:
        """See that what is not whole yet stays within its limits; ``size`` bytes of it came just now."""
        if self._received == 0:  # it began behind another request, and where is not known
            self._received = min(size, _LOOKED_AT_CLOSELY + 1)
        if self._deadline is _NEVER:
            time = limits.HEAD_TIME if self._stage is _HEAD else limits.BODY_TIME
            self._deadline = self.loop.time() + time
        if self._stage is _BODY:
            if self._received > (limits.UNREAD if self.cycle.response_complete else limits.MESSAGE):
                self.refuse(BodyTooLarge())
        elif self._received > limits.TARGET:
            if len(self.url) > limits.TARGET:
                self.refuse(TargetTooLong())
            elif self._received > len(self.url) + limits.HEADER_BLOCK + _LOOKED_AT_CLOSELY:
                self.refuse(HeadersTooLarge())

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"expect":
            self.expect_100_continue = value == b"100-continue"
        elif value != b"chunked" or name in dict(self.headers) or self.parser.get_http_version() != "1.1":
            raise MalformedHttp("The only Transfer-Encoding is chunked.")  # RFC 9112, section 6.1

    def _refuse_large_head(self) -> None:
        if len(self.url) > limits.TARGET:
            raise TargetTooLong
        if sum(len(name) + len(value) + 4 for name, value in self.headers) > limits.HEADER_BLOCK:
            raise HeadersTooLarge

    def _refuse_odd_target(self) -> None:
        """A host in the target overrules the Host header (RFC 9112, section 3.2.2), so both must agree."""
        if b"#" in self.url:
            raise MalformedHttp("The target has a fragment.")
        if self.url == b"*":
            return
        host = [value for name, value in self.headers if name == b"host"]
        authority = self.url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
        if [authority.lower()] != [value.lower() for value in host]:
            raise MalformedHttp("The target and the Host header name different hosts.")

    def _refuse_body(self) -> None:
        """What follows the head of a request to switch protocols would be read as another request."""
        for name, value in self.headers:
            if name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")):
                raise MalformedHttp("A request to switch protocols has no body.")
