"""What a case of the battery is: bytes to send, and what must come of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from authsvc.tokens.claims import ClaimRules
from authsvc.tokens.signing_keys import SigningKey

HOST = "auth.example.com"
MARKER = "zq9marker7xk"
"""Stands in what is sent, and must not come back."""

_PLACE = re.compile(rb"<<([a-z_.0-9]+)>>")

Service = Literal["open", "strict"]
"""``open``: limits so high that no case meets them. ``strict``: limits so low that every case may."""


class Target(Protocol):
    """What a case may ask about the service under attack."""

    @property
    def values(self) -> Mapping[str, str]:
        """The values of the run, by name."""
        ...

    @property
    def key(self) -> SigningKey:
        """What access tokens are signed with."""
        ...

    @property
    def rules(self) -> ClaimRules:
        """What the service's tokens have in common."""
        ...


Made = Callable[[Target], str]
"""A text that can only be made when the service runs, such as a token signed with its key."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that is well-formed HTTP, unless its parts are not.

    ``<<name>>`` in the target, a header or the body stands for a value of the run, such as
    ``<<attacker.access>>``. ``bearer`` is the whole text after ``Bearer ``, or makes it.
    """

    method: str = "GET"
    target: str = "/user"
    body: bytes | None = None
    headers: tuple[str, ...] = ()
    bearer: str | Made | None = None
    host: str = HOST
    media_type: str | None = "application/json"

    def render(self, target: Target) -> bytes:
        """Return the bytes of the request."""
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {self.host}"]
        if self.bearer is not None:
            token = self.bearer(target) if callable(self.bearer) else self.bearer
            lines.append(f"Authorization: Bearer {token}")
        lines += self.headers
        body = None if self.body is None else fill(self.body, target.values)
        if body is not None:
            if self.media_type is not None:
                lines.append(f"Content-Type: {self.media_type}")
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        return fill(head, target.values) + (body or b"")


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile act. What is not said here is forbidden: see `judging` for what every answer must keep."""

    name: str
    send: Ask | bytes | tuple[bytes, ...]
    statuses: frozenset[int]
    code: str = ""  # the problem's code, where the service itself must say this one
    answers: int = 1
    closes: bool = False  # the connection must not be used again
    may_hang_up: bool = False  # a close without an answer is fine as well
    may_change: frozenset[str] = frozenset()  # tables, and kinds of keys
    may_say: bool = False  # the answer may show what was sent: it is the caller's own
    within: float = 2.0  # seconds until the answer or the close
    linger: float = 4.0  # seconds within which a connection that must end has ended: an idle one lives longer
    pause: float = 0.0  # seconds after each piece
    half_close: bool = False
    times: int = 1  # sent so often; the last answer counts
    service: Service = "open"
    mended: frozenset[int] = frozenset()  # right as well where a proxy mends the request, and passes it on
    not_behind: tuple[str, ...] = ()  # proxies that speak more protocols, or cannot do it
    fresh: bool = False  # it may end a session: give it one of its own
    then: str = ""  # the name of a further check, see `judging.FURTHER`

    def pieces(self, target: Target) -> tuple[bytes, ...]:
        """Return the bytes to send, piece by piece."""
        match self.send:
            case Ask() as ask:
                return (ask.render(target),)
            case bytes() as whole:
                return (fill(whole, target.values),)
            case pieces:
                return tuple(fill(piece, target.values) for piece in pieces)

    @property
    def is_head(self) -> bool:
        """Whether the answer has no body because the request was a HEAD."""
        if isinstance(self.send, Ask):
            return self.send.method == "HEAD"
        return isinstance(self.send, bytes) and self.send.startswith(b"HEAD ")


def fill(template: bytes, values: Mapping[str, str]) -> bytes:
    """Put the values of the run where ``<<name>>`` stands; KeyError for a name that there is not."""
    return _PLACE.sub(lambda found: values[found[1].decode()].encode(), template)


def any_of(*statuses: int) -> frozenset[int]:
    """Return the statuses that are right."""
    return frozenset(statuses)
