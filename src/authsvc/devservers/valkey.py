"""Valkey (or Redis): its data directory, its options, when it is ready.

Every write is in the append-only file before it is acknowledged. ``appendfsync always`` when durable, so it
outlives a power cut; otherwise ``no``, with which it outlives a killed server. Not ``everysec``: while its
fsync runs, that one acknowledges writes which it has not yet handed to the kernel.
"""

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

from authsvc.devservers.account import ourselves
from authsvc.devservers.failures import CannotStart, log_ending
from authsvc.devservers.folders import private_directory, socket_directory
from authsvc.devservers.process import Command, Kind, Server, stop_leftover

_KIND = Kind("Valkey", stop=signal.SIGTERM, stop_now=signal.SIGKILL)
_SOCKET = "valkey.sock"
_READY_WITHIN = 60.0  # seconds; reading a long file takes a while
_POLL = 0.01

_OPTIONS = (
    *("--port", "0", "--unixsocketperm", "700", "--daemonize", "no"),
    *("--appendonly", "yes", "--save", ""),
    *("--maxmemory-policy", "noeviction"),  # a session or a used token must never be evicted
)


@dataclass(frozen=True, slots=True)
class Valkey:
    """A running server."""

    server: Server
    sockets: Path

    @property
    def url(self) -> str:
        """For redis-py."""
        return f"unix://{self.sockets / _SOCKET}?db=0"


async def start_valkey(folder: Path, program: Path, *, durable: bool) -> Valkey:
    """Start the server of ``folder`` (claimed by us, so no other owner lives); CannotStart when it fails."""
    log, lock = folder / "valkey.log", folder / "valkey.lock"
    await stop_leftover(lock, _KIND)
    data = await asyncio.to_thread(private_directory, folder / "valkey")
    sockets = await asyncio.to_thread(_sockets, folder)
    fsync = ("--appendfsync", "always" if durable else "no")
    # The data directory is where the server starts, so no path has to pass through its own quoting rules.
    words = (str(program), *_OPTIONS, *fsync, "--unixsocket", str(sockets / _SOCKET))
    server = await Server.start(Command(_KIND, words, data, ourselves(folder), log, lock))
    try:
        await _ready(server, sockets / _SOCKET)
    except BaseException:
        await server.stop()
        raise
    return Valkey(server, sockets)


def _sockets(folder: Path) -> Path:
    """The directory for the socket, without what an earlier server left in it."""
    sockets = socket_directory(folder / "run-valkey")
    (sockets / _SOCKET).unlink(missing_ok=True)
    return sockets


async def _ready(server: Server, socket: Path) -> None:
    """Wait until the server answers PING with PONG, and not with LOADING."""
    deadline = asyncio.get_running_loop().time() + _READY_WITHIN
    while server.process.returncode is None:
        if await _answers(socket):
            return
        if asyncio.get_running_loop().time() > deadline:
            ending = await asyncio.to_thread(log_ending, server.command.log)
            raise CannotStart(f"Valkey was not ready within {_READY_WITHIN:.0f} seconds. {ending}")
        await asyncio.sleep(_POLL)
    ending = await asyncio.to_thread(log_ending, server.command.log)
    raise CannotStart(f"Valkey did not start. {ending}")


async def _answers(socket: Path) -> bool:
    """One inline command, so that no client's own retries and waits come into it."""
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return await reader.readline() == b"+PONG\r\n"
    except OSError:
        return False
    finally:
        writer.close()
