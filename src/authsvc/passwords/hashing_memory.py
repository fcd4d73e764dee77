"""Where the memory of a hash lies: kept from one to the next, on huge pages, and not across cache lines.

Argon2 takes its memory anew for each hash and mostly waits for it: blocks of 1 KiB in an order that no
processor foresees. Three things make that slower than it has to be. From 32 MiB on, glibc returns memory to
the system at once, which clears it page by page for the next hash. Of pages of 4 KiB a hash uses more than a
processor remembers the addresses of. And what malloc gives begins 16 bytes into a cache line, so that every
block touches one line more.

All three can be asked for, of glibc and of Linux (madvise(2), MADV_HUGEPAGE), and nothing but time hangs on
it: where they cannot be had (musl, macOS, another malloc), hashes take as long as they take.
"""

import ctypes
import mmap
import sys
from typing import Any, Final

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
_HUGE_PAGE: Final = 2 * 1024 * 1024
_SPARE: Final = 64 * 1024
"""Bytes below the memory of hashes that stay free: for whatever else the thread needs."""
_LONGEST_PROBE: Final = 128 * 1024
_OF_A_CHUNK: Final = 8
"""Bytes that malloc adds to each piece for itself."""
_SMALLEST: Final = 32
_MOST: Final = 2**31 - 1


def keep_memory(memory_kib: int) -> None:
    """Keep as much memory for the hashes that the calling thread computes. Raises nothing.

    With more than about 60 MiB that takes MALLOC_ARENA_MAX=1: a thread's own heap holds no more.
    """
    libc = _glibc()
    if libc is None:
        return
    size = -(-memory_kib * 1024 // _HUGE_PAGE) * _HUGE_PAGE
    # As glibc itself does after a first hash, if that takes less than 32 MiB.
    libc.mallopt(_M_MMAP_THRESHOLD, min(size + _HUGE_PAGE, _MOST))
    libc.mallopt(_M_TRIM_THRESHOLD, min(2 * (size + _HUGE_PAGE), _MOST))
    spare = libc.malloc(_SPARE)
    _align_next(libc)
    memory = libc.malloc(size)
    libc.free(spare)
    if memory:
        libc.madvise(memory - memory % mmap.PAGESIZE, size, mmap.MADV_HUGEPAGE)
        libc.free(memory)  # for the next who asks this thread's heap for as much: a hash


def _align_next(libc: Any) -> None:
    """Let this thread's heap end where a huge page begins, behind a piece that stays taken and untouched."""
    probe = libc.malloc(_LONGEST_PROBE)
    libc.free(probe)
    missing = -probe % _HUGE_PAGE if probe else 0
    if missing >= _SMALLEST:
        libc.malloc(missing - _OF_A_CHUNK)


def _glibc() -> Any:
    """Return glibc, which is in this process already; None where another C library is."""
    if sys.platform != "linux":
        return None
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018  (only glibc has it)
    except (OSError, AttributeError):
        return None
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return libc
