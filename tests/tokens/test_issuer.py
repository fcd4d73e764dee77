import base64
import json
import re
from datetime import timedelta
from typing import get_args

import jwt
import pytest
from tests.tokens.forging import (
    AUDIENCE,
    CLIENT_ID,
    ISSUER,
    SESSION,
    START,
    TTL,
    USER,
    SettableClock,
    issuer_with,
)

from authsvc.errors import InvalidToken
from authsvc.kit.outage import Outage
from authsvc.tokens.claims import AccessClaims
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.key_schedule import KeySchedule
from authsvc.tokens.signing_keys import Algorithm
from authsvc.tokens.store import SigningKeyStore

# Read by the fixture of the key ring.
each_algorithm = pytest.mark.parametrize("algorithm", get_args(Algorithm))


@each_algorithm
async def test_what_is_issued_is_verified(issuer: AccessTokenIssuer):
    signed_in = START - timedelta(days=3)
    claims = issuer.verify(issuer.issue(USER, SESSION, signed_in, ("pwd", "otp")))
    assert claims == AccessClaims(
        user_id=USER,
        session_id=SESSION,
        token_id=claims.token_id,
        issued_at=START,
        expires_at=START + TTL,
        auth_time=signed_in,
        amr=("pwd", "otp"),
    )


@each_algorithm
async def test_others_verify_our_tokens_with_the_published_keys(
    issuer: AccessTokenIssuer, key_ring: KeyRing, algorithm: Algorithm
):  # A082, with PyJWT's own reader of key sets
    published = jwt.PyJWKSet.from_json(key_ring.jwks(START).body.decode())
    for _ in range(50):
        token = issuer.issue(USER, SESSION, START, ("pwd",))
        kid = jwt.get_unverified_header(token)["kid"]
        decoded = jwt.decode(
            token,
            published[kid],
            algorithms=[algorithm],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"verify_exp": False, "verify_iat": False},
        )
        assert decoded["sub"] == str(USER)


async def test_a_token_holds_these_claims_and_nothing_else(issuer: AccessTokenIssuer):  # A083
    header, payload, _ = issuer.issue(USER, SESSION, START, ("pwd",)).split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert re.fullmatch(r"[\w-]{22}", claims.pop("jti"))
    assert claims == {
        "iss": ISSUER,
        "sub": str(USER),
        "aud": AUDIENCE,
        "client_id": CLIENT_ID,
        "iat": int(START.timestamp()),
        "exp": int((START + TTL).timestamp()),
        "sid": str(SESSION),
        "auth_time": int(START.timestamp()),
        "amr": ["pwd"],
    }
    assert json.loads(base64.urlsafe_b64decode(header + "==")).keys() == {"alg", "kid", "typ"}


async def test_no_two_tokens_share_an_id(issuer: AccessTokenIssuer):  # A049
    tokens = [issuer.issue(USER, SESSION, START, ("pwd",)) for _ in range(200)]
    assert len({issuer.verify(token).token_id for token in tokens}) == 200


async def test_a_sign_in_by_a_clock_that_is_ahead_still_makes_a_valid_token(issuer: AccessTokenIssuer):
    token = issuer.issue(USER, SESSION, START + timedelta(seconds=3), ("pwd",))
    assert issuer.verify(token).auth_time == START


@pytest.mark.parametrize("amr", [(), ("Pwd",), ("",), ("p" * 33,), ("pwd",) * 9])
async def test_a_token_that_would_be_refused_is_not_issued(issuer: AccessTokenIssuer, amr: tuple[str, ...]):
    with pytest.raises(ValueError, match="amr"):
        issuer.issue(USER, SESSION, START, amr)


@pytest.mark.parametrize("seconds", [0, -1, 901, 86400, 0.5])
async def test_a_lifetime_that_is_too_long_or_none_is_refused(
    key_ring: KeyRing, clock: SettableClock, seconds: float
):
    with pytest.raises(ValueError, match="live"):
        AccessTokenIssuer(
            key_ring, issuer="i", audience="a", client_id="c", ttl=timedelta(seconds=seconds), clock=clock
        )


async def test_a_token_is_valid_from_the_first_to_the_last_second(
    issuer: AccessTokenIssuer, clock: SettableClock
):  # A076
    clock.now = START + timedelta(milliseconds=700)
    token = issuer.issue(USER, SESSION, START, ("pwd",))
    for seconds in (-5, 0, 1, 299, 304.999):
        clock.now = START + timedelta(seconds=seconds)
        assert issuer.verify(token).user_id == USER
    for seconds in (-6, 305, 306, 3600, 10**8):
        clock.now = START + timedelta(seconds=seconds)
        with pytest.raises(InvalidToken):
            issuer.verify(token)


async def test_an_expired_token_ends_a_session_for_one_hour_more(
    issuer: AccessTokenIssuer, clock: SettableClock
):
    token = issuer.issue(USER, SESSION, START, ("pwd",))
    clock.now = START + TTL + timedelta(hours=1, seconds=4)
    assert issuer.verify_genuine(token).session_id == SESSION
    with pytest.raises(InvalidToken, match="expired"):
        issuer.verify(token)
    clock.advance(seconds=1)
    with pytest.raises(InvalidToken, match="expired"):
        issuer.verify_genuine(token)


async def test_a_forged_expired_token_ends_nothing(issuer: AccessTokenIssuer, clock: SettableClock):
    token = issuer.issue(USER, SESSION, START, ("pwd",))
    clock.advance(minutes=10)
    with pytest.raises(InvalidToken, match="signature"):
        issuer.verify_genuine(token[:-4] + "AAAA")


async def test_without_keys_a_good_token_is_an_outage_and_not_invalid(
    issuer: AccessTokenIssuer, store: SigningKeyStore, schedule: KeySchedule, clock: SettableClock
):  # A105
    unready = issuer_with(KeyRing(store, algorithm="EdDSA", schedule=schedule, clock=clock), clock)
    with pytest.raises(Outage, match="database"):
        unready.verify(issuer.issue(USER, SESSION, START, ("pwd",)))
    with pytest.raises(Outage, match="database"):
        unready.issue(USER, SESSION, START, ("pwd",))
    with pytest.raises(InvalidToken):
        unready.verify("garbage")
