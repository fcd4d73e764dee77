"""As whom PostgreSQL runs. An ordinary user: as himself. Root, whom PostgreSQL refuses: as somebody less.

1. In a user namespace of its own, in which root is seen as ``nobody``: files keep their owner, so data may
   lie under /root and the programs too.
2. Where namespaces are refused (many containers): as the account ``nobody``, with the data in a private
   directory outside, since ``nobody`` cannot pass through the folder. The folder keeps a link to it, which
   also tells the next start that this way was taken.
"""

import asyncio
import hashlib
import os
import pwd
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from authsvc.devservers.failures import CannotStart
from authsvc.devservers.folders import private_directory


@dataclass(frozen=True, slots=True)
class Account:
    """How ``spawn`` changes who it is, and where files of that account may lie."""

    way: Literal["self", "namespace", "switch"]
    uid: int
    gid: int
    home: Path

    @property
    def owner(self) -> int:
        """The uid that owns the account's files, seen from outside a namespace."""
        return self.uid if self.way == "switch" else os.geteuid()


# Awaited with an account: whether a program can be run as it.
NamespaceProbe = Callable[[Account], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Accounts:
    """What root may try. ``outside`` is where the data of ``nobody`` goes."""

    namespaces: bool = sys.platform == "linux"
    outside: Path = Path("/var/lib") if Path("/var/lib").is_dir() else Path("/var/tmp")  # noqa: S108 - private below

    async def choose(self, data: Path, *, namespace_works: NamespaceProbe) -> Account:
        """For the cluster ``data``, a path in our folder that may not exist yet."""
        if os.geteuid() != 0:
            return ourselves(data.parent)
        try:
            nobody = await asyncio.to_thread(pwd.getpwnam, "nobody")
        except KeyError:
            raise CannotStart(
                "PostgreSQL does not run as root and there is no account 'nobody': start as an ordinary user."
            ) from None
        inside = Account("namespace", nobody.pw_uid, nobody.pw_gid, data.parent)
        is_link, is_there = await asyncio.to_thread(lambda: (data.is_symlink(), data.exists()))
        if not is_link and self.namespaces and await namespace_works(inside):
            return inside
        if is_there and not is_link:
            raise CannotStart(
                f"{data} was made in a user namespace, which this system refuses now: allow user namespaces, "
                "start as an ordinary user, or use another folder."
            )
        return await asyncio.to_thread(self._nobody, data, nobody)

    def _nobody(self, data: Path, nobody: pwd.struct_passwd) -> Account:
        """Make the directory outside and the link to it, unless they are there."""
        name = f"authsvc-dev-{hashlib.sha256(os.fsencode(data.parent)).hexdigest()[:12]}"
        # The link is followed rather than the name worked out again: the folder may have been moved.
        home = data.readlink().parent if data.is_symlink() else self.outside / name
        private_directory(home, nobody.pw_uid)
        if not data.is_symlink():
            data.symlink_to(home / data.name)
        return Account("switch", nobody.pw_uid, nobody.pw_gid, home)


def ourselves(home: Path) -> Account:
    """No change at all."""
    return Account("self", os.geteuid(), os.getegid(), home)


def within_reach(programs: Path, account: Account, version: str) -> Path:
    """The folder of programs, copied to where ``nobody`` can run them if they lie under a closed directory.

    Nothing is made readable for others: /root stays closed, and the copy is private. Touches the disk.
    """
    programs = programs.resolve()
    if account.way != "switch" or all(parent.stat().st_mode & 0o001 for parent in programs.parents):
        return programs
    install = programs.parent  # …/pginstall18, with bin, lib and share
    package = install.parent
    copy = account.home / f"programs-{version}"
    if not copy.exists():
        half = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(half, ignore_errors=True)
        unneeded = shutil.ignore_patterns("include", "*.a", "pkgconfig")
        shutil.copytree(install, half / package.name / install.name, symlinks=True, ignore=unneeded)
        libraries = package.parent / f"{package.name}.libs"  # what the wheel's builder put beside the package
        if libraries.is_dir():
            shutil.copytree(libraries, half / libraries.name, symlinks=True)
        for made in (half, half / package.name):
            made.chmod(0o755)  # whatever our umask is
        half.rename(copy)
    return copy / package.name / install.name / programs.name
