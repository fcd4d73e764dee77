"""Base64url without padding, in its one canonical spelling (RFC 7515, section 2; RFC 4648, section 3.5)."""

import base64
import binascii


def encode(data: bytes) -> bytes:
    """Return ``data`` as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """Return what ``text`` spells.

    ValueError for anything that `encode` would not have written: padding, other characters, stray bits at
    the end. Several spellings of one token would be several names for one thing.
    """
    try:
        data = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if encode(data) != text:  # the decoder skips what it does not know; the comparison does not
        raise ValueError("not canonical base64url")
    return data
