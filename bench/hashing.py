"""Hashing: how much faster argon2 is when it is built for this processor: ``python bench/hashing.py``.

Two processes hash in turn, on one core: with the published wheel, and with what `make native` builds, made
here in a folder of its own. Told is the processor time of a hash of one over that of the other.
"""

import contextlib
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from findings import Finding, tell

from authsvc.passwords.argon2_build import can_run_avx2, find_build, read_cpuinfo

NAME = "argon2, native build ÷ wheel"
TARGET = 2.0
_ROOT = Path(__file__).parents[1]
_CACHE = _ROOT / "bench/.cache"
_MADE_FROM = (
    "scripts/native.sh",
    "scripts/native.cmake",
    "requirements/native.lock",
    "requirements/serve.lock",
)
_ROUNDS = 7
# Says what it is made of, then hashes for a moment whenever it is told to: as logins do, and in 64 KiB, which
# the processor's own caches hold, with as many blocks computed in all.
_PROGRAM = """
import sys
from time import thread_time
from argon2.low_level import Type, hash_secret_raw
from authsvc.passwords.argon2_build import find_build, measure
from authsvc.passwords.hasher import HashingProfile
digest = hash_secret_raw(b"password", b"somesalt", 2, 19456, 1, 32, Type.ID).hex()
print(digest, find_build(), flush=True)
for _ in sys.stdin:
    costs = []
    for _ in range(5):
        began = thread_time()
        hash_secret_raw(b"password", b"somesalt", 608, 64, 1, 32, Type.ID)
        costs.append(thread_time() - began)
    print(measure(HashingProfile()).processor, min(costs), flush=True)
"""
_NO_AVX2 = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2"}


def measure_builds(rounds: int = _ROUNDS) -> list[Finding]:
    """Return how many times as many logins a core has with the native build, and what one hash takes."""
    if not can_run_avx2(read_cpuinfo()):
        return [Finding.missing(NAME, "this processor has no AVX2, so there is nothing to gain")]
    try:
        native = {"PYTHONPATH": str(_native_build())}
    except subprocess.CalledProcessError as error:
        return [Finding.missing(NAME, " ".join(str(error.stderr).split()), TARGET)]
    published = find_build().published
    with _hashing({} if published else native | _NO_AVX2) as wheel, _hashing(native) as built:
        if wheel.digest != built.digest:
            raise RuntimeError("the two builds do not agree about a hash")
        pairs = [(wheel.measure(), built.measure()) for _ in range(rounds + 1)][1:]
    cached = statistics.median(one.cached / other.cached for one, other in pairs)
    note = (
        f"{wheel.about}, and {built.about}; {cached:.2f} where the memory fits into the processor's caches: "
    )
    note += "what is above that is waiting for memory, which is the same for both"
    if not published:
        note += "; here argon2 is the native one, so its own code without AVX2 stands for the wheel"
    ratios = [one.hash / other.hash for one, other in pairs]
    return [
        _finding(NAME, ratios, "x", note, TARGET),
        _finding("one hash, the wheel", [one.hash * 1000 for one, _ in pairs], "ms"),
        _finding("one hash, the native build", [other.hash * 1000 for _, other in pairs], "ms"),
    ]


@dataclass(frozen=True)
class _Cost:
    """The processor time of a hash, and of as much work in the processor's caches, in seconds."""

    hash: float
    cached: float


class _Hashing:
    """One of the two processes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.digest, self.about = self._read().split(" ", 1)

    def measure(self) -> _Cost:
        """Return what one costs, over half a second of them."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return _Cost(*map(float, self._read().split()))

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError("a process that hashes has ended")
        return line


@contextlib.contextmanager
def _hashing(environment: dict[str, str]) -> Iterator[_Hashing]:
    pinned = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    path = os.pathsep.join(filter(None, (environment.get("PYTHONPATH"), str(_ROOT / "src"))))
    process = subprocess.Popen(  # noqa: S603  (ours)
        [*pinned, sys.executable, "-c", _PROGRAM],
        env={**os.environ, **environment, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield _Hashing(process)
        finally:
            process.kill()


def _native_build() -> Path:
    """Return the folder with the native build; it is made when there is none of the same sources yet."""
    sources = b"".join((_ROOT / name).read_bytes() for name in _MADE_FROM) + sys.version.encode()
    folder = _CACHE / f"argon2-{hashlib.sha256(sources).hexdigest()[:16]}"
    if not folder.exists():
        half_made = folder.with_suffix(".new")
        subprocess.run(  # noqa: S603  (ours)
            ["/bin/sh", str(_ROOT / "scripts/native.sh"), sys.prefix, str(half_made)],
            check=True,
            stderr=subprocess.PIPE,
            text=True,
        )
        half_made.rename(folder)
    return folder


def _finding(
    name: str, values: list[float], unit: str, note: str = "", target: float | None = None
) -> Finding:
    return Finding(name, statistics.median(values), min(values), max(values), unit, target, note=note)


if __name__ == "__main__":
    found = measure_builds()
    tell(found)
    sys.exit(not all(each.holds for each in found))
