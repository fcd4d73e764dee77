"""The folder and its lock, private directories, and directories short enough for sockets.

Everything here touches the disk: call it from a thread, not from the loop.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from authsvc.devservers.failures import CannotStart

_SUN_PATH = 104 if sys.platform == "darwin" else 108  # bytes with the closing zero, unix(7)
_LONGEST_NAME = len("/.s.PGSQL.5432\0")
# What neither a URL nor PostgreSQL's list of directories (which splits at commas) would read as its own.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._+@-]*")


@dataclass(frozen=True, slots=True)
class LockedFolder:
    """The folder, ours alone until ``release``. Ends with this process however it ends."""

    path: Path
    lock: int

    @classmethod
    def claim(cls, path: Path) -> Self:
        """Make the folder if need be and lock it; CannotStart when it is in use or not ours.

        The lock's descriptor is closed on exec, so no server can keep it longer than we live.
        """
        try:
            path = path.resolve()
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.stat().st_uid != os.geteuid():
                raise CannotStart(f"{path} belongs to another user; use a folder of your own.")
            ignore = path / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise CannotStart(f"{path} cannot be used: {error.strerror}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 32).decode(errors="replace") or "unknown"
            os.close(lock)
            raise CannotStart(
                f"The servers in {path} are already running, started by process {owner}; "
                "stop that one first, or use another folder."
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        return cls(path, lock)

    def release(self) -> None:
        """Let the next one in."""
        os.close(self.lock)


def private_directory(path: Path, owner: int | None = None) -> Path:
    """Make the directory for ``owner`` (a uid; ourselves unless told) alone; CannotStart if it is not so."""
    owner = os.geteuid() if owner is None else owner
    try:
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            pass
        else:
            if owner != os.geteuid():
                os.chown(path, owner, -1)
        found = path.lstat()
    except OSError as error:
        raise CannotStart(f"{path} cannot be made: {error.strerror}.") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise CannotStart(f"{path} is not a private directory of yours (mode 0700); remove it and try again.")
    return path


def socket_directory(wanted: Path, owner: int | None = None) -> Path:
    """``wanted``, or a private directory among the temporary files where that path does not suit sockets."""
    if not _holds_sockets(wanted):
        name = f"authsvc-{os.geteuid()}-{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]}"
        places = (Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve())  # noqa: S108 - verified below
        wanted = next((place / name for place in places if _holds_sockets(place / name)), places[-1] / name)
    return private_directory(wanted, owner)


def remove_if_empty(directory: Path) -> None:
    """Leave no directory for sockets behind, wherever it was."""
    with contextlib.suppress(OSError):
        directory.rmdir()


def _holds_sockets(path: Path) -> bool:
    fits = len(os.fsencode(path)) + _LONGEST_NAME <= _SUN_PATH
    return fits and _PLAIN_PATH.fullmatch(str(path)) is not None
