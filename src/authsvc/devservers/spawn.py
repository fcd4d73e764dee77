"""The small program between us and a server: it ties the process to its owner, then becomes the server.

Run as ``python -I -S spawn.py OWNER SIGNAL LOCK ACCOUNT UID GID PROGRAM ARGUMENT…``; imports nothing of ours.

OWNER    process id that starts us; when its thread ends, the kernel sends SIGNAL (Linux only)
LOCK     file to lock for as long as the server or a process of its own lives; it then holds our process id
ACCOUNT  ``self``, ``namespace`` (a user namespace in which we are UID and GID) or ``switch`` (to UID and GID)

A program of its own, because code between fork and exec in a process with threads (``preexec_fn``) may
deadlock, and ``unshare`` needs a process with one thread. It costs about 20 ms.
"""

import ctypes
import fcntl
import os
import sys

LOCK_IS_HELD = 75
NEW_USER_NAMESPACE = 0x10000000  # CLONE_NEWUSER, unshare(2)
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, prctl(2)
# The owner's environment may hold secrets, and PGPORT and the like would change the server.
KEPT_VARIABLES = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")


def hold(path: str) -> None:
    """Lock the file and leave it open over exec: the lock ends when the last process of the server ends."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(LOCK_IS_HELD)
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    os.set_inheritable(lock, True)  # noqa: FBT003 - the parameter has no name


def enter_namespace(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """A user namespace in which we are seen as ``uid``; files keep their owner (user_namespaces(7))."""
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    if libc.unshare(NEW_USER_NAMESPACE):
        sys.exit(f"unshare: {os.strerror(ctypes.get_errno())}")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {outside_uid} 1"),
        ("gid_map", f"{gid} {outside_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as entry:  # noqa: PTH123 - pathlib is slow to import
            entry.write(text)


def switch_account(uid: int, gid: int) -> None:
    """Give up root for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with_owner(libc: ctypes.CDLL, owner: int, signal: int) -> None:
    """After the change of account, which would undo it. The owner may be gone before we asked."""
    libc.prctl(PARENT_DEATH_SIGNAL, signal, 0, 0, 0)
    if os.getppid() != owner:
        sys.exit("the process that wanted this server is gone")


def become(arguments: list[str]) -> None:
    """Never returns."""
    owner, signal, lock, account, uid, gid, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if lock:
        hold(lock)
    if account == "namespace":
        enter_namespace(libc, int(uid), int(gid))
    elif account == "switch":
        switch_account(int(uid), int(gid))
    if sys.platform == "linux":
        die_with_owner(libc, int(owner), int(signal))
    os.umask(0o077)
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    os.execve(command[0], command, {**kept, "LC_ALL": "C", "TZ": "UTC"})  # noqa: S606 - becoming the server is the purpose


if __name__ == "__main__":
    become(sys.argv[1:])
