"""The common passwords that ship with the service, so that nothing must be asked over the network."""

from importlib.resources import files


def load_common_passwords() -> frozenset[str]:
    """Read the list: case-folded, NFC, each of at least 8 code points. Reads a file: call it once."""
    text = files("authsvc.passwords").joinpath("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(filter(None, text.split("\n")))
