"""A load generator for machines without wrk: ``python bench/generator.py --port 8000 --path /user …``.

One asyncio process, and slower than wrk: some 20 us of processor time a request, so that it cannot ask more
than about 50 000 times a second. ``busy`` is the share of the time that it computed; near 1 it was the limit,
and the rate that it tells is its own.

Without ``--rate`` the loop is closed: each connection asks again as soon as it was answered. With it the
loop is open: requests are due at fixed times, whether or not the server keeps up, and latencies count from
when they were due (to a millisecond, the resolution of timers). So a server that stalls is not asked less
for it. What waits here for a free connection waits on the server's account; ask for enough of them.

When the time is over nothing more becomes due, and what is still open is waited for (``--wait``). One
JSON object is printed, times in seconds. ``failed`` counts what was not answered with a status of 2xx or 3xx.
"""

import argparse
import asyncio
import gc
import json
import math
import sys
import time
from collections import deque
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from latencies import MALFORMED, UNANSWERED, Latencies
from responses import MalformedResponse, Reader

try:
    from uvloop import new_event_loop
except ImportError:  # it is not made for Windows
    from asyncio import new_event_loop  # type: ignore[assignment]  # the same, for what is asked of it here

_HOST = "127.0.0.1"
_BEFORE_RECONNECTING = 0.05
_TICK = 0.001
_TOKENS = (
    "a token for each request, one a line, used in turn and then again from the first; for a login (as JSON) "
    "or a form a username, a tab and a password"
)
_JSON = "Content-Type: application/json\r\n"
_FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


def request(method: str, path: str, port: int, kind: str, line: str) -> bytes:
    """Return a request that presents what a line of the file of tokens holds."""
    header, body = _presented(kind, line)
    if method != "GET":
        header += f"Content-Length: {len(body.encode())}\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: {_HOST}:{port}\r\n{header}\r\n{body}".encode()


def _presented(kind: str, line: str) -> tuple[str, str]:
    """Return the header and the body."""
    if kind == "bearer":
        return f"Authorization: Bearer {line}\r\n", ""
    if kind == "refresh":
        return _JSON, json.dumps({"refresh_token": line})
    username, tab, password = line.partition("\t")
    if not tab:
        sys.exit("A line for a login is a username, a tab and a password.")
    fields = {"username": username, "password": password}
    return (_JSON, json.dumps(fields)) if kind == "login" else (_FORM, urlencode(fields))


class Connection(asyncio.Protocol):
    """Asks one thing, tells the answer, and is given the next."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._reader = Reader()
        self._since: float | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._load.joined(self)

    def ask(self, what: bytes, since: float) -> None:
        """Ask for ``what``; its latency counts from ``since``."""
        self._since = since
        self._transport.write(what)

    def data_received(self, data: bytes) -> None:
        try:
            response = self._reader.feed(data)
        except MalformedResponse:
            self._tell(MALFORMED)
            self._transport.abort()
            return
        if response is None:
            return
        status, stays_open = response
        self._tell(str(status))
        if stays_open:
            self._load.free(self)
        else:
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self._tell(UNANSWERED)
        self._load.lost(self)

    def give_up(self) -> None:
        """Wait no longer."""
        self._tell(UNANSWERED)
        self._transport.abort()

    def _tell(self, status: str) -> None:
        if self._since is not None:
            self._load.told(status, self._since)
            self._since = None


class Load:
    """Connections, and when they ask."""

    def __init__(self, port: int, asked: Sequence[bytes], rate: float | None) -> None:
        self.latencies = Latencies()
        self._port = port
        self._next = cycle(asked)
        self._rate = rate
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._backlog: deque[float] = deque()  # when they were due
        self._reconnecting: set[asyncio.Task[None]] = set()
        self._unanswered = self._became_due = 0
        self._started = self._until = math.inf
        self._last_answer = 0.0
        self._over = False

    async def run(self, connections: int, seconds: float, wait: float) -> float:
        """Return how long it took, in seconds, until the last answer."""
        for _ in range(connections):
            await self._connect()
        self._started = time.perf_counter()
        self._until = self._started + seconds
        if self._rate is None:
            self._let_idle_ask()
        else:
            self._tick(self._rate)
        await asyncio.sleep(seconds)
        await self._finish(wait)
        self._over = True
        for connection in tuple(self._connections):
            connection.give_up()
        now = time.perf_counter()
        for due in self._backlog:
            self.latencies.add(UNANSWERED, now - due)
        return max(self._until, self._last_answer) - self._started

    async def _finish(self, wait: float) -> None:
        while (now := time.perf_counter()) < self._until + wait:
            if now >= self._until and not self._unanswered and not self._backlog:
                return
            await asyncio.sleep(_TICK)

    def joined(self, connection: Connection) -> None:
        self._connections.add(connection)
        self.free(connection)

    def free(self, connection: Connection) -> None:
        """Give a connection something to ask, if anything is due."""
        since = self._due()
        if since is None:
            self._idle.append(connection)
        else:
            self._ask(connection, since)

    def told(self, status: str, since: float) -> None:
        """Note an answer, or that there is none."""
        now = time.perf_counter()
        self._unanswered -= 1
        self.latencies.add(status, now - since)
        if status != UNANSWERED:
            self._last_answer = now

    def lost(self, connection: Connection) -> None:
        """Replace a connection that ended, whoever ended it."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._over:
            task = self._loop.create_task(self._reconnect())
            self._reconnecting.add(task)
            task.add_done_callback(self._reconnecting.discard)

    def _due(self) -> float | None:
        """Return since when the next request is due, if it is."""
        if self._rate is not None:
            return self._backlog.popleft() if self._backlog else None
        now = time.perf_counter()
        return now if self._started <= now < self._until else None

    def _tick(self, rate: float) -> None:
        """Note what has become due; again and again until the time is over."""
        now = time.perf_counter()
        while (due := self._started + self._became_due / rate) <= now and due < self._until:
            self._backlog.append(due)
            self._became_due += 1
        self._let_idle_ask()
        if due < self._until:
            self._loop.call_later(max(_TICK, due - now), self._tick, rate)

    def _let_idle_ask(self) -> None:
        """The last one that was answered goes first: what nobody uses may be closed meanwhile."""
        while self._idle and (since := self._due()) is not None:
            self._ask(self._idle.pop(), since)

    def _ask(self, connection: Connection, since: float) -> None:
        self._unanswered += 1
        connection.ask(next(self._next), since)

    async def _connect(self) -> None:
        await self._loop.create_connection(lambda: Connection(self), _HOST, self._port)

    async def _reconnect(self) -> None:
        while not self._over:
            try:
                await self._connect()
            except OSError:
                await asyncio.sleep(_BEFORE_RECONNECTING)
            else:
                return


async def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what is printed."""
    lines = chosen.tokens.read_text(encoding="utf-8").splitlines()
    asked = [request(chosen.method, chosen.path, chosen.port, chosen.kind, line) for line in lines if line]
    if not asked:
        sys.exit(f"There is nothing in {chosen.tokens}.")
    load = Load(chosen.port, asked, chosen.rate)
    gc.freeze()
    gc.disable()  # nothing here makes cycles, and a pause would be told as the server's
    before = time.process_time(), time.perf_counter()
    try:
        took = await load.run(chosen.connections, chosen.seconds, chosen.wait)
    except OSError as error:
        sys.exit(f"Cannot connect to port {chosen.port}: {error.strerror}.")
    busy = (time.process_time() - before[0]) / (time.perf_counter() - before[1])
    return {**load.latencies.summary(took), "busy": round(busy, 3), "generator": "bench/generator.py"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=_positive, default=1.0)
    parser.add_argument("--wait", type=_positive, default=10.0, help="for the last answers, in seconds")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--path", required=True)
    parser.add_argument("--tokens", type=Path, required=True, metavar="FILE", help=_TOKENS)
    parser.add_argument("--as", dest="kind", choices=("bearer", "refresh", "login", "form"), default="bearer")
    parser.add_argument("--rate", type=_positive, help="requests a second, whatever the answers")
    chosen = parser.parse_args()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        print(json.dumps(runner.run(measure(chosen))))


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError("must be more than nothing")
    return value


if __name__ == "__main__":
    main()
