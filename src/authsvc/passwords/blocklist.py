"""The common passwords that ship with the service, so that nothing must be asked over the network."""

from functools import cache
from importlib.resources import files


@cache
def load_common_passwords() -> frozenset[str]:
    """Return the list: case-folded, NFC, each of at least 8 code points.

    The first call reads a file; all share what it found, several megabytes.
    """
    text = files("authsvc.passwords").joinpath("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(filter(None, text.split("\n")))
