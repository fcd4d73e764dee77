"""The outside of an access token: three segments, and the header that names the key (RFC 7515, RFC 8725).

Reading raises ``errors.InvalidToken`` with a sentence that holds nothing from the token.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from authsvc.errors import InvalidToken
from authsvc.tokens import base64url
from authsvc.tokens.signing_keys import TOKEN_TYPE

MAX_TOKEN_SIZE = 4096
"""Bytes of a whole token; ours have about 600, with RS256 about 950."""

_SEGMENTS = 3
_HEADER_MEMBERS = {"alg", "kid", "typ"}


@dataclass(frozen=True, slots=True)
class TokenHeader:
    """Which key a token claims to be signed with, and by which algorithm."""

    kid: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class TokenParts:
    """A token in JWS compact form (RFC 7515, section 7.1), taken apart: segments still encoded."""

    header: bytes
    payload: bytes
    signature: bytes

    @property
    def signing_input(self) -> bytes:
        """What the signature covers."""
        return self.header + b"." + self.payload


def split(token: str) -> TokenParts:
    """Take ``token`` apart. The cheap limits come first: a long token costs no more than a short one."""
    if len(token) > MAX_TOKEN_SIZE or not token.isascii():
        raise InvalidToken("The access token is malformed")
    segments = token.encode("ascii").split(b".")
    if len(segments) != _SEGMENTS:
        raise InvalidToken("The access token is malformed")
    return TokenParts(*segments)


def parse_header(segment: bytes) -> TokenHeader:
    """Read the first segment: exactly ``alg``, ``kid``, ``typ``; no ``jwk``, ``crit`` or the like."""
    header = parse_object(decode_segment(segment))
    kid, algorithm = header.get("kid"), header.get("alg")
    if header.keys() != _HEADER_MEMBERS or header["typ"] != TOKEN_TYPE:
        raise InvalidToken("The token is not an access token of this service")
    if not isinstance(kid, str) or not isinstance(algorithm, str):
        raise InvalidToken("The access token is malformed")
    return TokenHeader(kid, algorithm)


def decode_segment(segment: bytes) -> bytes:
    """Decode one segment, canonical base64url only."""
    try:
        return base64url.decode(segment)
    except ValueError:
        raise InvalidToken("The access token is malformed") from None


def parse_object(data: bytes) -> Mapping[str, Any]:
    """Read one object of strict JSON (RFC 8259): UTF-8, no duplicate keys, no NaN or Infinity."""
    try:
        # Decoded here, since json would guess at UTF-16 and UTF-32.
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        # The cause holds what could not be read, and must not reach a log.
        raise InvalidToken("The access token is malformed") from None
    if not isinstance(value, dict):
        raise InvalidToken("The access token is malformed")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
