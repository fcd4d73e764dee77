"""A client that looks at each answer: is it one that may ever be given?"""

import asyncio
import time
from dataclasses import dataclass, field

from tests.races.connection import Answer, Instance

SILENT = 0
"""The status of a request that got no answer."""

LATEST_503 = 1.0
"""Seconds."""

HASHES = {"/login": 1, "/register": 1, "/user/password": 2}
"""How many passwords a call hashes: each may wait in a queue before anything fails, for so many seconds:"""
QUEUE = 1.0

_PATIENCE = 15.0
_NORMAL = {200, 201, 204, 401, 409}


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: times in seconds of one clock."""

    invoked: float
    ended: float
    method: str
    path: str
    status: int
    code: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether something was amiss; a queue for hashes that is full is not."""
        return self.status == SILENT or (self.status == 503 and self.code != "overloaded")


@dataclass
class Log:
    """What was answered, and what should not have been."""

    seen: list[Seen] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    silence_is_allowed: bool = False
    """Where the process itself is at fault, a connection may close without an answer."""

    lateness_is_allowed: bool = False

    def accuse(self, what: str) -> None:
        """Note a violation."""
        self.violations.append(what)


class WatchedInstance(Instance):
    """Asks, and writes down. A request that fails is answered with the status `SILENT`."""

    def __init__(self, port: int, log: Log) -> None:
        super().__init__(port)
        self.log = log

    async def ask(
        self, method: str, path: str, body: dict[str, str] | None = None, bearer: str = ""
    ) -> Answer:
        invoked = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await super().ask(method, path, body, bearer)
        except (OSError, EOFError, TimeoutError) as error:
            self.log.seen.append(Seen(invoked, time.monotonic(), method, path, SILENT, type(error).__name__))
            if isinstance(error, TimeoutError) or not self.log.silence_is_allowed:
                self.log.accuse(f"{method} {path}: no answer ({type(error).__name__})")
            return Answer(SILENT, b"{}")
        ended = time.monotonic()
        code = str(answer.fields.get("code", "")) if answer.status >= 400 else ""
        self.log.seen.append(Seen(invoked, ended, method, path, answer.status, code))
        self._look_at(f"{method} {path}", answer, ended - invoked)
        return answer

    async def ask_and_hang_up(self, method: str, path: str, body: dict[str, str]) -> None:
        try:
            await super().ask_and_hang_up(method, path, body)
        except OSError:
            if not self.log.silence_is_allowed:
                self.log.accuse(f"{method} {path}: could not be asked")

    def _look_at(self, what: str, answer: Answer, seconds: float) -> None:
        if answer.status == 503:
            kind = answer.headers.get("content-type")
            if kind != "application/problem+json" or not answer.headers.get("retry-after", "").isdigit():
                self.log.accuse(
                    f"{what}: 503 that is not well-formed: {answer.headers} {answer.body[:200]!r}"
                )
            if not self.log.lateness_is_allowed and seconds > LATEST_503 + QUEUE * HASHES.get(
                what.partition(" ")[2], 0
            ):
                self.log.late.append(f"{what}: 503 {answer.fields.get('code')} after {seconds:.2f} s")
        elif answer.status not in _NORMAL:
            self.log.accuse(f"{what}: {answer.status} {answer.body[:200]!r}")
