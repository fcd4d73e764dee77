"""One server as a child process: started, watched, stopped.

The child has a session of its own, so Ctrl-C in the terminal reaches only us, and we stop it in order. On
Linux the kernel stops it when the thread that started it ends, even by kill -9: start servers from the
main thread's loop. Elsewhere its lock file tells the next start that it is still there.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from authsvc.devservers.account import Account
from authsvc.devservers.failures import CannotStart, ServerDied, log_ending

_SPAWN = Path(__file__).with_name("spawn.py")
_PATIENCE = 10.0  # seconds for an orderly stop, then again for a hard one
_LARGE_LOG = 5_000_000  # bytes
_POLL = 0.01  # seconds


@dataclass(frozen=True, slots=True)
class Kind:
    """What a server is called, and how it is told to stop: in order, and at once."""

    title: str
    stop: signal.Signals
    stop_now: signal.Signals


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments, run in ``cwd`` as ``account``, writing to ``log``, holding ``lock``."""

    kind: Kind
    words: tuple[str, ...]
    cwd: Path
    account: Account
    log: Path
    lock: Path

    async def spawn(self) -> asyncio.subprocess.Process:
        """Start it. Only the creation of the process happens on the loop."""
        log = await asyncio.to_thread(_open_log, self.log)
        try:
            return await asyncio.create_subprocess_exec(
                *_wrapped(self.account, self.kind.stop, str(self.lock), self.words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.cwd,
                start_new_session=True,
            )
        finally:
            os.close(log)

    async def finish(self) -> None:
        """Run it to its end; CannotStart when it fails."""
        process = await self.spawn()
        try:
            status = await process.wait()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if status:
            ending = await asyncio.to_thread(log_ending, self.log)
            raise CannotStart(f"{self.kind.title} could not be prepared ({_told(status)}). {ending}")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    command: Command
    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, command: Command) -> Self:
        """The process is there; whether it is ready is for the caller to find out."""
        return cls(command, await command.spawn())

    async def died(self) -> ServerDied:
        """Wait until the process ends, and say how."""
        status = await self.process.wait()
        ending = await asyncio.to_thread(log_ending, self.command.log)
        return ServerDied(f"{self.command.kind.title} stopped by itself ({_told(status)}). {ending}")

    async def stop(self) -> None:
        """In order, and at once if that takes too long. A second call does nothing."""
        kind = self.command.kind
        for how in (kind.stop, kind.stop_now, signal.SIGKILL):
            if self.process.returncode is not None:
                return
            self.process.send_signal(how)
            try:
                await asyncio.wait_for(self.process.wait(), _PATIENCE)
            except TimeoutError:
                continue


async def output_of(account: Account, *words: str) -> str | None:
    """What a short program prints, run as ``account``; None when it fails or cannot be run."""
    process = await asyncio.create_subprocess_exec(
        *_wrapped(account, signal.SIGKILL, "", words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    printed, _ = await process.communicate()
    return None if process.returncode else printed.decode(errors="replace")


async def stop_leftover(lock: Path, kind: Kind) -> int | None:
    """Stop the server that an owner killed with kill -9 left behind, if it still runs.

    The lock, not a remembered process id, says whether it runs: an id may belong to a stranger by now, but
    while the lock is held its holder is the process that wrote the id. Returns the id of the last server
    that held the lock, which has ended for certain, with all processes of its own.
    """
    last = None
    for how in (kind.stop, kind.stop_now):
        told, patience = False, asyncio.get_running_loop().time() + _PATIENCE
        while asyncio.get_running_loop().time() < patience:
            held, pid = await asyncio.to_thread(_holder, lock)
            last = pid or last
            if not held:
                return last
            if pid and not told:
                told = True
                # It may have ended while processes of its own still hold the lock.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
            await asyncio.sleep(_POLL)
    raise CannotStart(
        f"{kind.title} is still running as process {last} and does not stop; stop it and try again."
    )


def _wrapped(
    account: Account, on_death: signal.Signals, lock: str, words: tuple[str, ...]
) -> tuple[str, ...]:
    """The command line of ``spawn``. ``-I -S``: no site, no packages, so it starts fast and predictably."""
    about = (str(os.getpid()), str(int(on_death)), lock, account.way, str(account.uid), str(account.gid))
    return (sys.executable, "-I", "-S", str(_SPAWN), *about, *words)


def _open_log(path: Path) -> int:
    """For appending; a large one is put aside first."""
    if path.exists() and path.stat().st_size > _LARGE_LOG:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _holder(path: Path) -> tuple[bool, int | None]:
    """Whether the lock is held, and the process id in it.

    A free lock is emptied, so that the id in a held one is never that of an earlier server.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        text = os.read(lock, 32)
        pid = int(text) if text.isdigit() else None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True, pid
        os.ftruncate(lock, 0)
        return False, pid
    finally:
        os.close(lock)


def _told(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
