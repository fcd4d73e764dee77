"""Keys that must not sign: what a JWK that somebody brings along could be, and what a row could hold.

No JWK is ever read from outside; those that are stored must describe the key that was sealed beside them.
"""

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519
from sqlalchemy import insert, update
from tests.tokens.forging import MISSING, START, claims, forge, header

from authsvc.errors import InvalidToken
from authsvc.kit.database import Database
from authsvc.tokens import base64url
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.tokens.key_cipher import DamagedSigningKeyError, KeyCipher
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.signing_keys import Algorithm, SigningKey, generate
from authsvc.tokens.store import SigningKeyStore
from authsvc.tokens.tables import signing_keys

WEAK: dict[str, Callable[[], Any]] = {
    "RSA of 1024 bits": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 - that it is too short is the point
    "RSA of 2048 bits": lambda: rsa.generate_private_key(65537, 2048),
    "P-224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed448": ed448.Ed448PrivateKey.generate,
    "X25519": x25519.X25519PrivateKey.generate,
    "X448": x448.X448PrivateKey.generate,
    "DSA": lambda: dsa.generate_private_key(2048),
}


@pytest.fixture
def key(key_ring: KeyRing) -> SigningKey:
    return key_ring.signing_key(START)


# A080
@pytest.mark.parametrize("algorithm", get_args(Algorithm))
@pytest.mark.parametrize("kind", WEAK)
def test_a_key_of_another_kind_or_strength_cannot_sign(algorithm: Algorithm, kind: str):
    with pytest.raises(ValueError, match="not one for"):
        SigningKey.of(WEAK[kind](), algorithm, created_at=START, active_from=START)


@pytest.mark.parametrize("exponent", [0, 1, 2, 4, 65536])
def test_an_rsa_key_with_a_useless_exponent_cannot_even_be_made(exponent: int):
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    public = rsa.RSAPublicNumbers(exponent, numbers.public_numbers.n)
    with pytest.raises(ValueError, match=r"."):
        rsa.RSAPrivateNumbers(
            numbers.p, numbers.q, 1, numbers.dmp1, numbers.dmq1, numbers.iqmp, public
        ).private_key()


# A072
@pytest.mark.parametrize("algorithm", get_args(Algorithm))
async def test_no_jwk_in_a_header_is_looked_at(
    issuer: AccessTokenIssuer, key: SigningKey, algorithm: Algorithm
):
    own = generate(algorithm, created_at=START, active_from=START)
    jwk: dict[str, Any] = dict(own.public_jwk)
    octets = {"kty": "oct", "k": base64url.encode(b"secret" * 6).decode(), "alg": "HS256"}
    everything: tuple[Any, ...] = (
        jwk, octets, jwk | {"use": "enc"}, jwk | {"key_ops": ["sign"]}, jwk | {"key_ops": []},
        jwk | {"d": "AA"}, jwk | {"kty": "oct"}, jwk | {"kid": key.kid}, jwk | {"crv": "P-256"},
        jwk | {"x": ""}, jwk | {"e": "AQ"}, jwk | {"x": base64url.encode(bytes(32)).decode()},
        {}, None, [], "", 1, {"keys": [jwk]},
    )  # fmt: skip
    for brought in everything:
        for member in ("jwk", "jku", "x5c"):
            head = header(key, **{member: brought})
            for signer in (own, key):
                with pytest.raises(InvalidToken):
                    issuer.verify(forge(signer, head, claims()))


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": "RSA"}, {"kty": "oct"}, {"kty": MISSING}, {"crv": "Ed448"}, {"crv": MISSING}, {"use": "enc"},
        {"use": MISSING}, {"alg": "RS256"}, {"alg": "none"}, {"alg": MISSING}, {"key_ops": ["verify"]},
        {"key_ops": ["sign"]}, {"d": "AA"}, {"k": "AA"}, {"x": "AA"}, {"x": MISSING}, {"kid": "another"},
        {"kid": MISSING}, {"x5c": []}, {"oth": []},
    ],
)  # fmt: skip
async def test_a_stored_jwk_says_exactly_what_its_key_is(
    store: SigningKeyStore, cipher: KeyCipher, database: Database, key: SigningKey, changes: dict[str, Any]
):
    jwk = {name: value for name, value in (dict(key.public_jwk) | changes).items() if value is not MISSING}
    async with database.write() as connection:
        await connection.execute(update(signing_keys).values(public_jwk=json.dumps(jwk)))
    with pytest.raises(DamagedSigningKeyError):
        await SigningKeyStore(database, cipher).all()


# A080
async def test_a_weak_key_that_was_sealed_with_the_right_secret_is_not_used(
    database: Database, cipher: KeyCipher, key: SigningKey
):
    """Nobody but this service has the secret; an older version, or an import, may have been less strict."""
    for algorithm, weak in (
        ("RS256", WEAK["RSA of 2048 bits"]()),
        ("ES256", WEAK["P-384"]()),
        ("EdDSA", ec.generate_private_key(ec.SECP256R1())),
        ("none", ed25519.Ed25519PrivateKey.generate()),
        ("HS256", ed25519.Ed25519PrivateKey.generate()),
    ):
        row = {
            "kid": "weak", "algorithm": algorithm, "public_jwk": "{}",
            "created_at": START, "active_from": START,
            "private_key": cipher.seal(_Sealed("weak", algorithm, weak)),  # type: ignore[arg-type]
        }  # fmt: skip
        async with database.write() as connection:
            await connection.execute(signing_keys.delete())
            await connection.execute(insert(signing_keys).values(row))
        with pytest.raises(DamagedSigningKeyError):
            await SigningKeyStore(database, cipher).all()


class _Sealed:
    """As much of a signing key as sealing takes, without the checks of one."""

    def __init__(self, kid: str, algorithm: str, private_key: Any) -> None:
        self.kid, self.algorithm, self.private_key = kid, algorithm, private_key
