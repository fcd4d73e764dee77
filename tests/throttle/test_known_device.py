from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import SettableClock

from authsvc.sessions.refresh_token import RefreshToken, RefreshTokenSigner
from authsvc.throttle.known_device import DeviceTokenSigner, KnownDevice

SECRET, OTHER = b"a secret of at least thirty-two bytes", b"another secret of thirty-two bytes!!"
DEVICE = KnownDevice(UUID(int=1), UUID(int=2), epoch=3)
DAY = timedelta(days=1)


def make(secret: bytes = SECRET, previous: bytes | None = None, clock: SettableClock | None = None):
    return DeviceTokenSigner(secret, previous, ttl=DAY, clock=clock or SettableClock())


def test_what_was_signed_is_known():
    text = make().sign(DEVICE)
    assert len(text) == 104
    assert make().verify(text) == DEVICE


def test_it_is_known_for_as_long_as_was_said():
    clock = SettableClock()
    signer = make(clock=clock)
    text = signer.sign(DEVICE)
    clock.advance(DAY - timedelta(seconds=2))
    assert signer.verify(text) == DEVICE
    clock.advance(timedelta(seconds=2))
    assert signer.verify(text) is None


def test_after_a_change_of_the_secret_the_one_before_is_honoured():
    text = make(OTHER).sign(DEVICE)
    assert make(SECRET).verify(text) is None
    rotated = make(SECRET, OTHER)
    assert rotated.verify(text) == DEVICE
    assert make(SECRET).verify(rotated.sign(DEVICE)) == DEVICE


def test_no_bit_of_it_may_be_another():
    signer = make()
    raw = urlsafe_b64decode(signer.sign(DEVICE)[4:])
    for number in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[number // 8] ^= 1 << number % 8
        assert signer.verify("dt1_" + urlsafe_b64encode(changed).decode()) is None


@given(st.text())
def test_other_text_is_no_token(text):
    assert make().verify(text) is None
    assert make().verify("dt1_" + text) is None


@pytest.mark.parametrize("change", [str.upper, str.strip, lambda text: text + "\n", lambda text: text[:-1]])
def test_it_has_one_spelling(change):
    text = make().sign(DEVICE)
    changed = change(text)
    assert make().verify(changed) == (DEVICE if changed == text else None)


# A064
def test_a_refresh_token_is_no_device_token_and_the_other_way_round():
    refresh = RefreshTokenSigner(SECRET).sign(RefreshToken(UUID(int=1), UUID(int=2), bytes(16)))
    assert make().verify(refresh) is None
    assert make().verify("dt1_" + refresh[4:104]) is None


def test_it_belongs_to_one_user_until_all_sessions_are_ended():
    assert DEVICE.belongs_to(UUID(int=1), 3)
    assert not DEVICE.belongs_to(UUID(int=9), 3)
    assert not DEVICE.belongs_to(UUID(int=1), 4)
