"""Lua scripts for Redis, kept as package data beside the store that calls them."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """One script: what Redis runs as a single, uninterrupted step."""

    name: str
    source: str
    sha: str


def load_script(package: str, name: str) -> Script:
    """Read ``<package>/lua/<name>.lua``; the digest is the one that EVALSHA asks for."""
    source = files(package).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
    return Script(name, source, sha)
