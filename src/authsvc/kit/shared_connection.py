"""One connection to Redis for everybody: all commands of one turn of the event loop leave in one write.

redis-py opens it (addresses, TLS, AUTH, Sentinel) and greets the server; from then on it is spoken here,
since a pool would cost a checkout, a write and a wake-up for every single command.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Any, Final

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

Word = bytes | str | int
Reply = asyncio.Future[Any]

_INCOMPLETE: Final = object()
_SECOND_LOOK = 0.01
"""Seconds between missing a reply and giving up: after a stall of this process it may be there, unread."""


class SharedConnection:
    """Sends each command once, in order, and hands each reply to the one who asked.

    A reply that does not come in ``timeout`` seconds, or a connection that breaks, fails all commands under
    way: nobody knows what they did. The next command connects anew; all who come meanwhile wait for the same
    attempt. At most ``most_under_way`` commands wait for replies, those of callers who gave up included; one
    more is refused at once. Failures are redis-py's errors and OSError.
    """

    def __init__(self, connection: AbstractConnection, *, timeout: float, most_under_way: int) -> None:
        self._connection = connection
        self._timeout = timeout
        self._most_under_way = most_under_way
        self._line: _Line | None = None
        self._connecting: asyncio.Task[_Line] | None = None
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
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._line is not None:
            self._line.give_up(RedisConnectionError("closed"))
        await self._connection.disconnect(nowait=True)

    async def _connect(self) -> "_Line":
        if self._closed:
            raise RedisConnectionError("closed")
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._open())
            self._connecting.add_done_callback(self._connected)
        attempt = self._connecting
        async with asyncio.timeout(self._timeout):  # the attempt may take longer, for those who come later
            await asyncio.wait([attempt])
        if attempt.cancelled():
            raise RedisConnectionError("closed")
        return attempt.result()

    async def _open(self) -> "_Line":
        await self._connection.disconnect(nowait=True)
        await self._connection.connect()  # type: ignore[no-untyped-call]  # redis-py left it without types
        return _Line(self._connection, self._most_under_way, self._timeout)

    def _connected(self, attempt: "asyncio.Task[_Line]") -> None:
        self._connecting = None
        if not attempt.cancelled() and attempt.exception() is None:
            self._line = attempt.result()


class _Together:
    """Takes several replies, one after the other, for one who waits for all of them."""

    __slots__ = ("_all", "_number", "_replies")

    def __init__(self, number: int, all_of_them: asyncio.Future[list[Any]]) -> None:
        self._number = number
        self._replies: list[Any] = []
        self._all = all_of_them

    def done(self) -> bool:
        return False

    def set_result(self, reply: Any) -> None:
        self._replies.append(reply)
        if len(self._replies) == self._number and not self._all.done():
            self._all.set_result(self._replies)

    def set_exception(self, error: Exception) -> None:
        if not self._all.done():
            self._all.set_exception(error)


class _Line(asyncio.Protocol):
    """One connection from its greeting to its end."""

    def __init__(self, connection: AbstractConnection, most_under_way: int, timeout: float) -> None:
        self.is_over = False
        self._most_under_way = most_under_way
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=_error, notEnoughData=_INCOMPLETE)
        self._waiting: deque[tuple[Reply | _Together, float]] = deque()
        self._out: list[bytes] = []
        self._watch: asyncio.TimerHandle | None = None
        self._missed: Reply | _Together | None = None
        assert connection._writer is not None  # noqa: S101, SLF001  (it has just been connected)
        self._transport = connection._writer.transport  # noqa: SLF001  (redis-py has no public name for it)
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
                        self.give_up(reply)
                        return
                else:
                    waiting.set_result(reply)
        except (hiredis.HiredisError, IndexError) as error:
            self.give_up(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.give_up(exc)

    def give_up(self, cause: Exception | None) -> None:
        """Break the connection off, and fail every command whose reply has not come."""
        if self.is_over:
            return
        self.is_over = True
        if self._watch is not None:
            self._watch.cancel()
        self._out.clear()
        self._transport.abort()
        while self._waiting:
            waiting, _ = self._waiting.popleft()
            if not waiting.done():
                error = _lost(cause)
                error.__cause__ = cause
                waiting.set_exception(error)

    def _flush(self) -> None:
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _look_for_overdue(self) -> None:
        """Look at the oldest command only: replies come in order."""
        self._watch = None
        if not self._waiting:
            return
        oldest, sent_at = self._waiting[0]
        due = sent_at + self._timeout
        if self._loop.time() >= due:
            if self._missed is oldest:
                self.give_up(TimeoutError())
                return
            self._missed = oldest
            due = self._loop.time() + _SECOND_LOOK
        self._watch = self._loop.call_at(due, self._look_for_overdue)


def _lost(cause: Exception | None) -> Exception:
    if isinstance(cause, TimeoutError):
        return RedisTimeoutError("a reply did not come in time")
    return RedisConnectionError("the connection broke")


def _error(message: str) -> ResponseError:
    """Return the error that a reply is; the caller tells only these kinds apart."""
    kind = {"NOSCRIPT": NoScriptError, "READONLY": ReadOnlyError}.get(
        message.partition(" ")[0], ResponseError
    )
    return kind(message)
