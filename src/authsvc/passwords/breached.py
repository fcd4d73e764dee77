"""Passwords that are known from breaches: looked up in a file on this machine, and nowhere else.

The file is the one that the downloader of Have I Been Pwned writes: a line for each password, its SHA-1 in
hexadecimal and how often it was seen (``HASH:COUNT``), sorted by hash. It may have tens of gigabytes: a
look-up reads some 35 places of it, in a thread. Not by mmap: a page that must come from the disk would stop
every thread of the process meanwhile.
"""

import asyncio
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from authsvc.errors import WeakPassword
from authsvc.kit.outage import Outage

_LINE = re.compile(rb"([0-9A-Fa-f]{40})(?::[0-9]{1,20})?\r?")
_LONGEST = 64
_CHECKED_IN_FULL = 65536  # bytes
_SAMPLES = 1000


class UnusableFile(ValueError):
    """The file is not such a list; the text says why."""


@dataclass(frozen=True, slots=True)
class BreachedPasswords:
    """The list at ``path``; None: there is none, and nothing is refused.

    The file is opened anew for each look-up, so that a newer one may be moved into its place.
    """

    path: Path | None = None

    def check(self) -> None:
        """Look whether this is a sorted list: a short one in full, a long one in a thousand places.

        Reads a file: call it once. Raises `UnusableFile`.
        """
        if self.path is None:
            return
        try:
            with _List(self.path) as lines:
                lines.check()
        except OSError:
            raise UnusableFile("names a file that cannot be read") from None

    async def refuse(self, password: str) -> None:
        """Raise `WeakPassword` (``breached``) if ``password``, in NFC, is on the list.

        Raises `Outage` where the list cannot be read: no password is accepted unchecked.
        """
        if self.path is None:
            return
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        try:
            found = await asyncio.to_thread(self._contains, self.path, digest)
        except (OSError, UnusableFile) as error:
            raise Outage("breached_passwords") from error
        if found:
            raise WeakPassword("breached", "This password is known from a data breach. Choose another one.")

    @staticmethod
    def _contains(path: Path, digest: bytes) -> bool:
        with _List(path) as lines:
            return lines.contains(digest)


class _List:
    """An open list. Places are offsets in bytes."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        self._size = os.fstat(self._file).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def contains(self, digest: bytes) -> bool:
        low, high = 0, self._size
        while low < high:
            start, end, found = self._line_at((low + high) // 2)
            if found == digest:
                return True
            if found < digest:
                low = end
            else:
                high = start
        return False

    def check(self) -> None:
        if not self._size:
            raise UnusableFile("names an empty file")
        step = 1 if self._size <= _CHECKED_IN_FULL else self._size // _SAMPLES
        place, before = 0, b""
        while place < self._size:
            _, end, found = self._line_at(place)
            if found < before:
                raise UnusableFile("names a file that is not sorted by hash")
            before = found
            place = max(end, place + step)
        if self._line_at(self._size - 1)[2] < before:
            raise UnusableFile("names a file that is not sorted by hash")

    def _line_at(self, place: int) -> tuple[int, int, bytes]:
        """Return where the line around ``place`` begins, where the next one does, and its hash."""
        base = max(0, place - _LONGEST)
        around = os.pread(self._file, 2 * _LONGEST, base)
        start = around.rfind(b"\n", 0, place - base) + 1
        end = around.find(b"\n", place - base)
        end = len(around) if end < 0 else end
        match = _LINE.fullmatch(around, start, end)
        if match is None:
            raise UnusableFile("names a file whose lines are not HASH:COUNT, with SHA-1 hashes")
        return base + start, base + end + 1, match[1].upper()
