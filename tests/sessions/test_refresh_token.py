import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import uuid4

import pytest
from hypothesis import given, strategies

from authsvc.errors import ForgedRefreshToken
from authsvc.sessions.refresh_token import RefreshToken, RefreshTokenSigner, new_secret

SIGNER = RefreshTokenSigner(b"one secret of the service, long enough")


def token(generation: int = 1) -> RefreshToken:
    return RefreshToken(uuid4(), uuid4(), new_secret(), generation)


def test_what_was_signed_is_what_is_verified():
    for generation in (1, 2, 255, 256, 2**32 - 1):
        original = token(generation)
        assert SIGNER.verify(SIGNER.sign(original)) == original


def test_the_text_has_the_documented_form():
    assert re.fullmatch(r"rt1_[A-Za-z0-9_-]{116}", SIGNER.sign(token()))


def test_the_same_token_always_gives_the_same_text():
    original = token(7)
    assert SIGNER.sign(original) == SIGNER.sign(original)


# A063
def test_every_changed_bit_is_a_forgery():
    text = SIGNER.sign(token())
    raw = urlsafe_b64decode(text[4:])
    for position in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(ForgedRefreshToken):
            SIGNER.verify("rt1_" + urlsafe_b64encode(changed).decode())


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[4:],
        lambda text: "rt2_" + text[4:],
        lambda text: text + "=",
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text.upper(),
        lambda text: text.replace(text[10], "٠"),
        lambda _: "",
        lambda _: "rt1_" + "A" * 116,
        lambda _: "\ud800",
    ],
)
def test_another_form_is_a_forgery(change):
    with pytest.raises(ForgedRefreshToken):
        SIGNER.verify(change(SIGNER.sign(token())))


@given(strategies.text())
def test_garbage_is_a_forgery_and_nothing_else(text):
    with pytest.raises(ForgedRefreshToken):
        SIGNER.verify(text)


def test_another_service_signs_other_tokens():
    other = RefreshTokenSigner(b"another secret of another service....")
    with pytest.raises(ForgedRefreshToken):
        other.verify(SIGNER.sign(token()))


def test_after_a_change_of_the_secret_old_tokens_are_good_and_new_ones_carry_the_new_key():
    original = token()
    changed = RefreshTokenSigner(
        b"the new secret of the service, as long", b"one secret of the service, long enough"
    )
    assert changed.verify(SIGNER.sign(original)) == original
    assert changed.sign(original) != SIGNER.sign(original)
    with pytest.raises(ForgedRefreshToken):
        SIGNER.verify(changed.sign(original))


def test_neither_the_secret_nor_a_token_shows_in_a_repr():
    original = token()
    assert repr(original.secret) not in repr(original)
    assert original.secret.hex() not in repr(original)


# A049
def test_secrets_are_16_bytes_and_distinct():
    secrets = {new_secret() for _ in range(10_000)}
    assert len(secrets) == 10_000
    assert {len(secret) for secret in secrets} == {16}


# A049
def test_no_bit_of_a_secret_leans_to_one_side():
    number, sums = 10_000, [0] * 128
    for _ in range(number):
        secret = int.from_bytes(new_secret())
        for bit in range(128):
            sums[bit] += secret >> bit & 1
    deviation = (number / 4) ** 0.5
    assert all(abs(each - number / 2) < 7 * deviation for each in sums), "once in 10^9 runs by chance"
