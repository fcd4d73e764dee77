"""Tokens that were verified lately are not verified again, and are good for nothing more than they were."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.tokens.forging import SESSION, START, TTL, USER, SettableClock

from authsvc.errors import InvalidToken
from authsvc.tokens.claims import LEEWAY
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.remembered import Remembered, RememberedTokens


def a_token(issuer: AccessTokenIssuer) -> str:
    return issuer.issue(USER, SESSION, START, ("pwd",))


async def test_a_token_is_read_once(issuer: AccessTokenIssuer):
    token = a_token(issuer)
    assert issuer.verify(token) is issuer.verify(token)


async def test_a_remembered_token_still_expires(issuer: AccessTokenIssuer, clock: SettableClock):
    token = a_token(issuer)
    clock.now = START + TTL + LEEWAY - timedelta(seconds=1)
    assert issuer.verify(token) is issuer.verify(token)
    clock.now = START + TTL + LEEWAY
    with pytest.raises(InvalidToken, match="has expired"):
        issuer.verify(token)


async def test_a_remembered_token_from_the_future_is_refused(issuer: AccessTokenIssuer, clock: SettableClock):
    token = a_token(issuer)
    issuer.verify(token)
    clock.now = START - LEEWAY - timedelta(seconds=1)
    with pytest.raises(InvalidToken):
        issuer.verify(token)


async def test_a_remembered_token_is_refused_once_its_key_is_gone(
    issuer: AccessTokenIssuer, key_ring: KeyRing
):
    token = a_token(issuer)
    issuer.verify(token)
    assert key_ring._view is not None
    key_ring._view = replace(key_ring._view, by_kid={})
    with pytest.raises(InvalidToken, match="not signed with a key"):
        issuer.verify(token)


async def test_a_refusal_is_not_remembered(issuer: AccessTokenIssuer, clock: SettableClock):
    token = a_token(issuer)
    for forged in (token + "A", token[:-6] + "AAAAAA", token.replace(".", "..", 1), ""):
        with pytest.raises(InvalidToken):
            issuer.verify(forged)
    clock.now = START + TTL * 2
    with pytest.raises(InvalidToken):
        issuer.verify(token)
    assert len(issuer._remembered) == 0


async def test_what_only_ends_a_session_is_not_remembered(issuer: AccessTokenIssuer, clock: SettableClock):
    token = a_token(issuer)
    clock.now = START + TTL * 2
    issuer.verify_genuine(token)
    with pytest.raises(InvalidToken):
        issuer.verify(token)
    assert len(issuer._remembered) == 0


async def test_a_flood_of_tokens_takes_a_bounded_place_and_leaves_what_is_in_use(issuer: AccessTokenIssuer):
    token = a_token(issuer)
    kept = Remembered(issuer.verify(token), "a kid")
    remembered = RememberedTokens(most=100)
    remembered.keep(token, kept)
    for number in range(1000):
        remembered.keep(f"token {number}", kept)
        assert len(remembered) <= 100
        if number % 40 == 0:
            assert remembered.find(token) is kept
    assert remembered.find("token 0") is None
    assert remembered.find("token 999") is kept
