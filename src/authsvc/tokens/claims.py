"""What an access token says, and the strict reading of it (RFC 9068; RFC 8725).

Reading raises ``errors.InvalidToken`` with a sentence that holds nothing from the token.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from authsvc.errors import InvalidToken
from authsvc.tokens.envelope import parse_object

LEEWAY = timedelta(seconds=5)
"""How far the clocks of two instances may differ."""

_TIME_LIMIT = 2**53  # JSON numbers are exact below it (RFC 8259, section 6)
_RESTRICTIONS = {"nbf", "cnf"}  # they narrow what a token is good for, and nothing here would enforce them
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOKEN_ID = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")  # 16 bytes as canonical base64url
_METHOD = re.compile(r"[a-z0-9_-]{1,32}")
_MAX_METHODS = 8


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """Who may do something, since when and until when. Times are aware, in UTC, whole seconds.

    ``token_id`` is ``jti``; ``amr`` names how the user proved who it is (RFC 8176).
    """

    user_id: UUID
    session_id: UUID
    token_id: str
    issued_at: datetime
    expires_at: datetime
    auth_time: datetime
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What the tokens of this service have in common."""

    issuer: str
    audience: str
    client_id: str
    ttl: timedelta


def parse_claims(
    payload: bytes, rules: ClaimRules, now: datetime, *, expired_for: timedelta = timedelta(0)
) -> AccessClaims:
    """Read the JSON of the second segment and check it against ``rules`` at ``now``.

    ``expired_for`` is how long ago, beyond the leeway, the token may have expired. Claims that this version
    does not know are ignored (RFC 7519, section 4), so that instances of two versions run side by side.
    """
    claims = parse_object(payload)
    if (claims.get("iss"), claims.get("aud"), claims.get("client_id")) != (
        rules.issuer,
        rules.audience,
        rules.client_id,
    ):
        raise InvalidToken("The access token was issued by or for somebody else")
    if not _RESTRICTIONS.isdisjoint(claims):
        raise InvalidToken("The access token is restricted in a way that is not supported")
    issued, expires, authenticated = (_time(claims.get(name)) for name in ("iat", "exp", "auth_time"))
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    if (
        issued > at + leeway
        or not 0 < expires - issued <= rules.ttl.total_seconds()
        or authenticated > issued
    ):
        raise InvalidToken("The times in the access token do not fit together")
    if expires <= at - leeway - expired_for.total_seconds():
        raise InvalidToken("The access token has expired")
    return AccessClaims(
        user_id=UUID(_string(claims.get("sub"), _UUID)),
        session_id=UUID(_string(claims.get("sid"), _UUID)),
        token_id=_string(claims.get("jti"), _TOKEN_ID),
        issued_at=datetime.fromtimestamp(issued, UTC),
        expires_at=datetime.fromtimestamp(expires, UTC),
        auth_time=datetime.fromtimestamp(authenticated, UTC),
        amr=_methods(claims.get("amr")),
    )


def claims_template(rules: ClaimRules) -> str:
    """Return what the tokens of this service have in common, as `encode_claims` fills it in."""
    issuer, audience, client_id = (
        json.dumps(text).replace("%", "%%") for text in (rules.issuer, rules.audience, rules.client_id)
    )
    return (
        f'{{"iss":{issuer},"sub":"%s","aud":{audience},"client_id":{client_id},"iat":%d,"exp":%d,"jti":"%s",'
        '"sid":"%s","auth_time":%d,"amr":["%s"]}'
    )


def encode_claims(claims: AccessClaims, template: str) -> bytes:
    """Return the JSON of the second segment: a `claims_template`, filled in.

    An encoder of JSON would take several times as long, and nothing that is filled in needs one: numbers,
    UUIDs, and words without quotes. ValueError for ``amr`` that `parse_claims` would refuse.
    """
    if not _are_methods(claims.amr):
        raise ValueError("amr must be one to eight short words")
    filled = template % (
        claims.user_id,
        claims.issued_at.timestamp(),
        claims.expires_at.timestamp(),
        claims.token_id,
        claims.session_id,
        claims.auth_time.timestamp(),
        '","'.join(claims.amr),
    )
    return filled.encode("ascii")


def _time(value: object) -> int:
    if type(value) is not int or not 0 <= value < _TIME_LIMIT:  # isinstance would let True pass
        raise InvalidToken("A time in the access token is missing or malformed")
    return value


def _string(value: object, shape: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise InvalidToken("A claim in the access token is missing or malformed")
    return value


def _methods(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not _are_methods(value):
        raise InvalidToken("A claim in the access token is missing or malformed")
    return tuple(value)


def _are_methods(values: list[object] | tuple[str, ...]) -> bool:
    return 0 < len(values) <= _MAX_METHODS and all(
        isinstance(v, str) and _METHOD.fullmatch(v) for v in values
    )
