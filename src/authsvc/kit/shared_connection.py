"""One connection to Redis for everybody: all commands of one turn of the event loop leave in one write.

redis-py opens it (addresses, TLS, AUTH, Sentinel) and greets the server; from then on it is spoken here,
since a pool would cost a checkout, a write and a wake-up for every single command.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, NoScriptError, ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from authsvc.kit.circuit import Circuit
from authsvc.kit.outage import is_closed_transport

Word = bytes | str | int
Reply = asyncio.Future[Any]

_INCOMPLETE: Final = object()
_SECOND_LOOK: Final = 0.01
"""Seconds between missing a reply and giving it up: after a stall of this process it may be there, unread."""
_PATIENCE: Final = 10
"""How many timeouts one attempt to connect may take: Sentinel may have to be asked at several addresses."""
_SHORT: Final = 0.25
_SHORT_IN_A_ROW: Final = 3
"""A server that ends so many connections in a row, each within so many seconds, is not there to be used."""


class SharedConnection:
    """Sends each command once, in order, and hands each reply to the one who asked.

    A reply that does not come in ``timeout`` seconds fails its command alone; the connection takes no more
    commands, and is closed when those that were sent before have their replies or miss their own deadlines.
    A connection that breaks fails all commands under way: nobody knows what they did. The next command
    connects anew; all who come meanwhile wait for the same attempt. Once an attempt has failed, or lasts
    longer than ``timeout``, commands are refused at once until one succeeds (see `Circuit`).
    At most ``most_under_way`` commands wait on a connection, those of callers who gave up included; one more
    is refused at once. Failures are redis-py's errors, OSError and `circuit.Refused`.
    """

    def __init__(
        self, make_connection: Callable[[], AbstractConnection], *, timeout: float, most_under_way: int
    ) -> None:
        self._make_connection = make_connection
        self._timeout = timeout
        self._most_under_way = most_under_way
        self._line: _Line | None = None
        self._lines: set[_Line] = set()
        self._short_lived = 0
        self._connecting: asyncio.Task[_Line] | None = None
        self._circuit = Circuit("redis", self._join)
        self._closed = False

    def send(self, *command: Word) -> Awaitable[Any]:
        """Return the reply, raw; raise redis-py's error where it is one."""
        line = self._line
        if line is None or line.is_over:
            return self._send_when_connected(command)
        return line.send(command)  # no coroutine: this is the usual way

    def send_together(self, *commands: Sequence[Word]) -> Awaitable[list[Any]]:
        """Return the replies to commands that leave in one write; others' may be served between them.

        Where one of them is an error, raise it.
        """
        line = self._line
        if line is None or line.is_over:
            return self._send_together_when_connected(commands)
        return line.send_together(commands)

    async def _send_when_connected(self, command: Sequence[Word]) -> Any:
        line = await self._connect()
        return await line.send(command)

    async def _send_together_when_connected(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        line = await self._connect()
        return await line.send_together(commands)

    async def close(self) -> None:
        """Fail what is under way, and connect no more."""
        self._closed = True
        await self._circuit.stop()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        for line in list(self._lines):
            line.give_up(RedisConnectionError("closed"))

    async def _connect(self) -> "_Line":
        self._circuit.check()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._join()
        except TimeoutError as error:  # the attempt may take longer, for those who come later
            self._circuit.open(error)
            raise

    async def _join(self) -> "_Line":
        """Return the connection; if there is none, wait for the attempt that is under way, or begin one."""
        if self._line is not None and not self._line.is_over:
            return self._line
        if self._closed:
            raise RedisConnectionError("closed")
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._open())
            self._connecting.add_done_callback(self._connected)
        attempt = self._connecting
        await asyncio.wait([attempt])
        if attempt.cancelled():
            raise RedisConnectionError("closed")
        return attempt.result()

    async def _open(self) -> "_Line":
        connection = self._make_connection()
        try:
            async with asyncio.timeout(_PATIENCE * self._timeout):
                await connection.connect()  # type: ignore[no-untyped-call]  # redis-py left it without types
        except BaseException as error:
            await connection.disconnect(nowait=True)
            if is_closed_transport(error):
                raise RedisConnectionError("the connection broke while it was made") from error
            raise
        return _Line(connection, self._most_under_way, self._timeout, self._ended)

    def _connected(self, attempt: "asyncio.Task[_Line]") -> None:
        self._connecting = None
        if attempt.cancelled():
            return
        if (error := attempt.exception()) is not None:
            self._circuit.open(error)
        else:
            self._line = attempt.result()
            self._lines.add(self._line)
            self._circuit.mend()

    def _ended(self, line: "_Line", cause: BaseException | None, lasted: float) -> None:
        self._lines.discard(line)
        self._short_lived = self._short_lived + 1 if lasted < _SHORT else 0
        if self._short_lived >= _SHORT_IN_A_ROW and not self._closed:
            self._short_lived = 0
            self._circuit.open(cause or RedisConnectionError("connections end as soon as they are made"))


class _Together:
    """Takes several replies, one after the other, for one who waits for all of them."""

    __slots__ = ("_all", "_number", "_replies")

    def __init__(self, number: int, all_of_them: asyncio.Future[list[Any]]) -> None:
        self._number = number
        self._replies: list[Any] = []
        self._all = all_of_them

    def done(self) -> bool:
        return False

    def is_given_up(self) -> bool:
        return self._all.done()

    def set_result(self, reply: Any) -> None:
        self._replies.append(reply)
        if len(self._replies) == self._number and not self._all.done():
            self._all.set_result(self._replies)

    def set_exception(self, error: Exception) -> None:
        if not self._all.done():
            self._all.set_exception(error)


class _Line(asyncio.Protocol):
    """One connection from its greeting to its end."""

    def __init__(
        self,
        connection: AbstractConnection,
        most_under_way: int,
        timeout: float,
        ended: "Callable[[_Line, BaseException | None, float], None]",
    ) -> None:
        self.is_over = False
        """Whether it takes no more commands; those that were sent may still get their replies."""
        self._most_under_way = most_under_way
        self._timeout = timeout
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._looked_at = -math.inf
        self._reader = hiredis.Reader(replyError=_error, notEnoughData=_INCOMPLETE)
        self._waiting: deque[tuple[Reply | _Together, float]] = deque()
        self._out: list[bytes] = []
        self._watch: asyncio.TimerHandle | None = None
        self._cause: BaseException | None = None
        self._is_closed = False
        # redis-py has no public name for it, and would complain of a connection that nobody disconnects.
        self._writer, connection._writer = connection._writer, None  # noqa: SLF001
        assert self._writer is not None  # noqa: S101  (it has just been connected)
        self._transport = self._writer.transport
        self._transport.set_protocol(self)

    def send(self, command: Sequence[Word]) -> Reply:
        reply: Reply = self._loop.create_future()
        self._put(command, reply)
        return reply

    def send_together(self, commands: Sequence[Sequence[Word]]) -> asyncio.Future[list[Any]]:
        replies: asyncio.Future[list[Any]] = self._loop.create_future()
        taker = _Together(len(commands), replies)
        for command in commands:
            self._put(command, taker)
        return replies

    def _put(self, command: Sequence[Word], taker: "Reply | _Together") -> None:
        if self.is_over:
            raise RedisConnectionError("the connection broke as soon as it was made")
        if len(self._waiting) >= self._most_under_way:
            raise RedisConnectionError("too many commands wait for their replies")
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub knows tuples of one word only
        now = self._loop.time()
        self._waiting.append((taker, now))
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(packed)
        if self._watch is None:
            self._watch = self._loop.call_at(now + self._timeout, self._look_for_overdue)

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                if type(reply) is hiredis.PushNotification:
                    continue  # an answer to nothing that was asked
                waiting, _ = self._waiting.popleft()
                if waiting.done():
                    continue  # the caller gave up; the reply had to be counted all the same
                if isinstance(reply, Exception):
                    waiting.set_exception(reply)
                    if isinstance(reply, ReadOnlyError):
                        # Demoted: the name that led to it may lead to the new primary by now.
                        self._retire(reply)
                else:
                    waiting.set_result(reply)
        except (hiredis.HiredisError, IndexError) as error:
            self.give_up(error)
        if self.is_over:
            self._close_if_done()

    def connection_lost(self, exc: Exception | None) -> None:
        self.give_up(exc)

    def give_up(self, cause: BaseException | None) -> None:
        """Break the connection off, and fail every command whose reply has not come."""
        if self._is_closed:
            return
        self.is_over = self._is_closed = True
        if self._watch is not None:
            self._watch.cancel()
        self._out.clear()
        self._transport.abort()
        while self._waiting:
            waiting, _ = self._waiting.popleft()
            if not waiting.done():
                _fail(waiting, cause)
        self._ended(self, self._cause or cause, self._loop.time() - self._began)

    def _retire(self, cause: BaseException) -> None:
        """Take no more commands. Those that were sent keep their deadlines."""
        self.is_over = True
        self._cause = self._cause or cause

    def _close_if_done(self) -> None:
        if all(_is_given_up(waiting) for waiting, _ in self._waiting):
            self.give_up(None)

    def _flush(self) -> None:
        if self._out:
            try:
                self._transport.write(b"".join(self._out))
            except RuntimeError as error:
                if not is_closed_transport(error):
                    raise
                self.give_up(error)
            self._out.clear()

    def _look_for_overdue(self) -> None:
        """Give up what was overdue at the look before; look again when the next one may be.

        A reply that is given up stays counted, so that it reaches nobody else if it comes after all.
        """
        self._watch = None
        due_before, self._looked_at = self._looked_at, self._loop.time()
        for waiting, sent_at in self._waiting:
            due = sent_at + self._timeout
            if due <= due_before:
                late = TimeoutError()
                self._retire(late)
                if not waiting.done():
                    _fail(waiting, late)
            elif not (self.is_over and _is_given_up(waiting)):
                again = max(due, self._looked_at + _SECOND_LOOK)
                self._watch = self._loop.call_at(again, self._look_for_overdue)
                return
        if self.is_over:
            self.give_up(None)


def _is_given_up(waiting: Reply | _Together) -> bool:
    return waiting.is_given_up() if isinstance(waiting, _Together) else waiting.done()


def _fail(waiting: Reply | _Together, cause: BaseException | None) -> None:
    error: Exception
    match cause:
        case TimeoutError():
            error = RedisTimeoutError("a reply did not come in time")
        case hiredis.HiredisError() | IndexError():
            error = InvalidResponse("what came is no reply, or answers nothing")
        case _:
            error = RedisConnectionError("the connection broke")
    error.__cause__ = cause
    waiting.set_exception(error)


def _error(message: str) -> ResponseError:
    """Return the error that a reply is; the caller tells only these kinds apart."""
    kind = {"NOSCRIPT": NoScriptError, "READONLY": ReadOnlyError}.get(
        message.partition(" ")[0], ResponseError
    )
    return kind(message)
