"""The machine: what a figure means nothing without."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from servers import CORES, LOAD_CORE, SERVER_CORE

ROOT = Path(__file__).parents[1]
_TELLING_FLAGS = ("sse2", "avx", "avx2", "avx512f", "neon", "asimd", "sve")
_LIBRARIES = (
    "argon2-cffi", "argon2-cffi-bindings", "asyncpg", "cryptography", "fastapi", "hiredis", "httptools",
    "pydantic", "pyjwt", "redis", "sqlalchemy", "starlette", "uvicorn", "uvloop",
)  # fmt: skip


def describe(generator: str) -> dict[str, Any]:
    """Return what is known of this machine and of what runs on it; ``summary`` is one line of it."""
    model, flags = _processor()
    commit = _git("rev-parse", "--short=12", "HEAD")
    return {
        "summary": f"{model}, {len(CORES)} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {generator}, commit {commit or 'unknown'}",
        "processor": model,
        "flags": [flag for flag in _TELLING_FLAGS if flag in flags],
        "cores": len(CORES),
        "server_core": SERVER_CORE,
        "load_core": LOAD_CORE,
        "load_average": os.getloadavg()[0],
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "argon2": argon2_build(),
        "load": generator,
        "commit": commit,
        "changed_since": bool(_git("status", "--porcelain")),
    }


def argon2_build() -> str:
    """Return which build of argon2 hashes here: what was compiled on this machine has no published tag."""
    wheel = metadata.distribution("argon2-cffi-bindings").read_text("WHEEL") or ""
    tags = [line.partition(": ")[2] for line in wheel.splitlines() if line.startswith("Tag: ")]
    published = any("manylinux" in tag or "musllinux" in tag or "macosx" in tag for tag in tags)
    return f"{'published wheel' if published else 'compiled here'} ({', '.join(tags) or 'no tag'})"


def _processor() -> tuple[str, set[str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine(), set()
    known = dict(line.replace("\t", "").split(":", 1) for line in reversed(lines) if ":" in line)
    return known.get("model name", platform.machine()).strip(), set(known.get("flags", "").split())


def _git(*words: str) -> str:
    """Return what git says, or nothing: a source archive has no history."""
    try:
        told = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607  (ours; git is where the PATH says)
    except OSError:
        return ""
    return told.stdout.strip()
