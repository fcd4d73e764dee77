from typing import get_args

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.tokens.forging import START

from authsvc.tokens.key_cipher import DamagedSigningKeyError, KeyCipher, WrongSecretKeyError
from authsvc.tokens.signing_keys import Algorithm, PrivateKey, SigningKey, generate

OLD, NEW = b"the old secret, 32 bytes or more .", b"the new secret, 32 bytes or more ."


@pytest.fixture
def key() -> SigningKey:
    return generate("EdDSA", created_at=START, active_from=START)


def der(private_key: PrivateKey) -> bytes:
    return private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_what_was_sealed_is_unsealed(algorithm: Algorithm):
    key = generate(algorithm, created_at=START, active_from=START)
    opened = KeyCipher(OLD).unseal(KeyCipher(OLD).seal(key), kid=key.kid, algorithm=algorithm)
    assert der(opened) == der(key.private_key)


def test_sealed_keys_show_nothing_and_never_repeat(key: SigningKey):
    first, second = KeyCipher(OLD).seal(key), KeyCipher(OLD).seal(key)
    assert der(key.private_key)[-32:] not in first
    assert first[9:] != second[9:]


def test_the_previous_secret_still_opens(key: SigningKey):
    sealed = KeyCipher(OLD).seal(key)
    opened = KeyCipher(NEW, OLD).unseal(sealed, kid=key.kid, algorithm="EdDSA")
    assert der(opened) == der(key.private_key)


def test_new_keys_are_sealed_with_the_new_secret(key: SigningKey):
    sealed = KeyCipher(NEW, OLD).seal(key)
    assert der(KeyCipher(NEW).unseal(sealed, kid=key.kid, algorithm="EdDSA")) == der(key.private_key)


def test_a_wrong_secret_is_told_to_the_operator_without_any_secret(key: SigningKey):
    sealed = KeyCipher(OLD).seal(key)
    with pytest.raises(WrongSecretKeyError, match="AUTHSVC_SECRET_KEY is not the one") as told:
        KeyCipher(NEW).unseal(sealed, kid=key.kid, algorithm="EdDSA")
    assert NEW.decode() not in str(told.value)
    with pytest.raises(WrongSecretKeyError):
        KeyCipher(NEW, b"another one of at least 32 bytes ..").unseal(sealed, kid=key.kid, algorithm="EdDSA")


def test_every_changed_bit_is_noticed(key: SigningKey):
    cipher, sealed = KeyCipher(OLD), KeyCipher(OLD).seal(key)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        expected = WrongSecretKeyError if 1 <= place <= 8 else DamagedSigningKeyError
        with pytest.raises(expected):
            cipher.unseal(bytes(changed), kid=key.kid, algorithm="EdDSA")


def test_every_cut_is_noticed(key: SigningKey):
    cipher, sealed = KeyCipher(OLD), KeyCipher(OLD).seal(key)
    for size in range(len(sealed)):
        with pytest.raises(DamagedSigningKeyError):
            cipher.unseal(sealed[:size], kid=key.kid, algorithm="EdDSA")


def test_a_sealed_key_cannot_pass_for_another(key: SigningKey):
    cipher, sealed = KeyCipher(OLD), KeyCipher(OLD).seal(key)
    for kid, algorithm in (("other", "EdDSA"), (key.kid, "ES256")):
        with pytest.raises(DamagedSigningKeyError):
            cipher.unseal(sealed, kid=kid, algorithm=algorithm)


def test_the_repr_shows_no_secret():  # A101
    assert OLD.decode() not in repr(KeyCipher(OLD)) + repr(vars(KeyCipher(OLD)))
