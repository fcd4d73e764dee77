"""Which build of Argon2 computes the hashes here, and how fast it is. For `authsvc doctor`.

The wheels of argon2-cffi-bindings that are published for x86-64 use SSE2, which every such processor has.
The same source compiled for AVX2 needs about half the time for the same hashes; `make native` does that.
"""

import platform
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from argon2 import Type
from argon2.low_level import hash_secret_raw

from authsvc.passwords.hasher import HashingProfile
from authsvc.passwords.hashing_memory import keep_memory

_X86_64 = {"x86_64", "AMD64"}


def _byte(mask: int, value: int) -> bytes:
    """Return the pattern of a byte whose bits under ``mask`` are ``value``."""
    return b"[%b]" % b"".join(b"\\x%02x" % byte for byte in range(256) if byte & mask == value)


# VPMULUDQ, the multiplication that Argon2's compression function consists of (RFC 9106, section 3.6), in
# the prefixes of AVX2 and AVX-512 (Intel's manual, volume 2, sections 2.3 and 2.7). The length in the prefix
# tells how wide it is, whoever compiled it and how.
_VEX_256 = b"(?:\xc5|\xc4%b)%b\xf4" % (_byte(0x1F, 0x01), _byte(0x07, 0x05))
_EVEX_512 = b"\x62%b%b%b\xf4" % (_byte(0x0F, 0x01), _byte(0x87, 0x85), _byte(0x60, 0x40))
_ON_256_BITS, _ON_512_BITS = (re.compile(pattern, re.DOTALL) for pattern in (_VEX_256, _EVEX_512))
_NOT_BY_CHANCE = 16
_MEASURED_SECONDS = 0.5

# What the compilers' x86-64-v3 stands for (x86-64 psABI, section 3.1.1), in Linux's words.
_X86_64_V3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}


class Instructions(Enum):
    """What the code of Argon2 multiplies with."""

    AVX512 = "AVX-512"
    AVX2 = "AVX2"
    SSE2 = "SSE2"
    PORTABLE = "portable"  # not x86-64: whatever the compiler made of plain C


@dataclass(frozen=True, slots=True)
class Build:
    """``published``: a wheel from the package index, made for every processor of its kind."""

    instructions: Instructions
    published: bool

    def __str__(self) -> str:
        return f"{self.instructions.value} code, {'as published' if self.published else 'built from source'}"


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one hash, in seconds: until it is there, and of processor time, over all lanes."""

    elapsed: float
    processor: float


def find_build() -> Build:
    """Return what this process computes hashes with. Reads the compiled files."""
    if platform.machine() not in _X86_64:
        return Build(Instructions.PORTABLE, _is_published())
    code = b"".join(path.read_bytes() for path in _loaded_files())
    return Build(instructions_in(code), _is_published())


def instructions_in(code: bytes) -> Instructions:
    """Return what compiled x86-64 code of Argon2 multiplies with."""
    if len(_ON_512_BITS.findall(code)) >= _NOT_BY_CHANCE:
        return Instructions.AVX512
    if len(_ON_256_BITS.findall(code)) >= _NOT_BY_CHANCE:
        return Instructions.AVX2
    return Instructions.SSE2


def can_run_avx2(cpuinfo: str) -> bool:
    """Whether the processors that Linux describes in /proc/cpuinfo can run what `make native` builds."""
    found = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    return found is not None and set(found[1].split()) >= _X86_64_V3


def read_cpuinfo() -> str:
    """Return /proc/cpuinfo; nothing where there is none."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def measure(profile: HashingProfile) -> Speed:
    """Compute hashes for about half a second, at least one, as for a login; return what one costs. Blocks.

    Raises `argon2.exceptions.HashingError` if there is not enough memory.
    """
    with ThreadPoolExecutor(1, initializer=keep_memory, initargs=(profile.memory_kib,)) as thread:
        return thread.submit(_measure, profile).result()


def _measure(profile: HashingProfile) -> Speed:
    _hash(profile)  # the first one's memory is new
    first = _timed(profile)
    if first.elapsed >= _MEASURED_SECONDS:
        return first
    some = [_timed(profile) for _ in range(int(_MEASURED_SECONDS / first.elapsed) + 1)]
    return Speed(
        statistics.mean(each.elapsed for each in some), statistics.mean(each.processor for each in some)
    )


def _timed(profile: HashingProfile) -> Speed:
    begun, begun_processor = time.perf_counter(), time.process_time()
    _hash(profile)
    return Speed(time.perf_counter() - begun, time.process_time() - begun_processor)


def _hash(profile: HashingProfile) -> None:
    hash_secret_raw(
        b"not a password",
        bytes(16),
        time_cost=profile.time_cost,
        memory_cost=profile.memory_kib,
        parallelism=profile.parallelism,
        hash_len=32,
        type=Type.ID,
    )


def _loaded_files() -> list[Path]:
    """Return the files that hold Argon2's code: the module, and a library that it is linked with."""
    spec = find_spec("_argon2_cffi_bindings._ffi")
    module = [Path(spec.origin)] if spec and spec.origin else []
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return module
    libraries = re.findall(r"^.* (/.*/libargon2[^/\n]*)$", maps, re.MULTILINE)
    return module + [Path(name) for name in dict.fromkeys(libraries)]


def _is_published() -> bool:
    try:
        wheel = distribution("argon2-cffi-bindings").read_text("WHEEL") or ""
    except PackageNotFoundError:
        return False
    return re.search(r"^Tag: .*-(many|musl)linux", wheel, re.MULTILINE) is not None
