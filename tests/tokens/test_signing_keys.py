from typing import get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.tokens.forging import START

from authsvc.tokens.signing_keys import Algorithm, PrivateKey, SigningKey, generate, thumbprint

PUBLIC_MEMBERS = {"EdDSA": {"crv", "x"}, "ES256": {"crv", "x", "y"}, "RS256": {"e", "n"}}
COMMON_MEMBERS = {"kty", "use", "alg", "kid"}


def new(algorithm: Algorithm) -> SigningKey:
    return generate(algorithm, created_at=START, active_from=START)


def test_the_thumbprint_is_the_one_of_rfc_8037():  # RFC 8037, appendix A.3
    members = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(members) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_the_jwk_has_public_members_only(algorithm: Algorithm):  # A081
    key = new(algorithm)
    assert key.public_jwk.keys() == PUBLIC_MEMBERS[algorithm] | COMMON_MEMBERS
    assert (key.public_jwk["use"], key.public_jwk["alg"], key.public_jwk["kid"]) == (
        "sig",
        algorithm,
        key.kid,
    )


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_a_key_recognises_what_it_signed_and_nothing_else(algorithm: Algorithm):
    key, other = new(algorithm), new(algorithm)
    signature = key.sign(b"message")
    assert key.has_signed(b"message", signature)
    assert not key.has_signed(b"messagf", signature)
    assert not key.has_signed(b"message", signature[:-1])
    assert not key.has_signed(b"message", b"")
    assert not other.has_signed(b"message", signature)


def test_a_key_that_does_not_fit_its_algorithm_is_refused():  # A080
    misfits: list[tuple[PrivateKey, Algorithm]] = [
        (rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES256"),
        (ec.generate_private_key(ec.SECP256K1()), "ES256"),
        (Ed25519PrivateKey.generate(), "ES256"),
        (Ed25519PrivateKey.generate(), "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "EdDSA"),
    ]
    for private_key, algorithm in misfits:
        with pytest.raises(ValueError, match=algorithm):
            SigningKey.of(private_key, algorithm, created_at=START, active_from=START)


def test_an_rsa_key_has_3072_bits():  # A080
    key = new("RS256").private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 3072


def test_the_repr_shows_no_key():  # A101
    assert "private" not in repr(new("EdDSA")).lower()
