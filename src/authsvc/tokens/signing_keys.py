"""One key that access tokens are signed with."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from authsvc.tokens import base64url

Algorithm = Literal["EdDSA", "ES256", "RS256"]
"""The ``alg`` values that tokens may be signed with (RFC 7518, section 3.1; RFC 8037). None is symmetric."""

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey

TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068, section 2.1, no secret
RSA_BITS = 3072

_SIGNATURES: Mapping[Algorithm, Any] = {
    "EdDSA": OKPAlgorithm(),
    "ES256": ECAlgorithm(ECAlgorithm.SHA256, ec.SECP256R1),
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
}
_THUMBPRINT_MEMBERS: Mapping[Algorithm, tuple[str, ...]] = {  # RFC 7638, section 3.2; RFC 8037, section 2
    "EdDSA": ("crv", "kty", "x"),
    "ES256": ("crv", "kty", "x", "y"),
    "RS256": ("e", "kty", "n"),
}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair and the times that decide what it does (see `key_schedule`).

    ``kid`` is the thumbprint of the public key (RFC 7638), so it cannot name two keys. ``jws_header`` is the
    first segment of every token signed with it, ready to send.
    """

    kid: str
    algorithm: Algorithm
    private_key: PrivateKey = field(repr=False, compare=False)
    public_key: PublicKey = field(repr=False, compare=False)
    public_jwk: Mapping[str, str] = field(repr=False)
    jws_header: bytes = field(repr=False)
    created_at: datetime
    active_from: datetime

    @classmethod
    def of(
        cls, private_key: PrivateKey, algorithm: Algorithm, *, created_at: datetime, active_from: datetime
    ) -> Self:
        """Work out what follows from ``private_key``. ValueError when it does not fit ``algorithm``."""
        if not _fits(private_key, algorithm):
            raise ValueError(f"this private key is not one for {algorithm}")
        public_key = private_key.public_key()
        jwk = _SIGNATURES[algorithm].to_jwk(public_key, as_dict=True)
        members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[algorithm]}
        kid = thumbprint(members)
        header = json.dumps({"alg": algorithm, "kid": kid, "typ": TOKEN_TYPE}, separators=(",", ":"))
        return cls(
            kid=kid,
            algorithm=algorithm,
            private_key=private_key,
            public_key=public_key,
            public_jwk={**members, "use": "sig", "alg": algorithm, "kid": kid},
            jws_header=base64url.encode(header.encode()),
            created_at=created_at,
            active_from=active_from,
        )

    def sign(self, message: bytes) -> bytes:
        """Return the raw JWS signature of ``message``."""
        signature: bytes = _SIGNATURES[self.algorithm].sign(message, self.private_key)
        return signature

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's, by this key's algorithm and no other."""
        verified: bool = _SIGNATURES[self.algorithm].verify(message, self.public_key, signature)
        return verified


def generate(algorithm: Algorithm, *, created_at: datetime, active_from: datetime) -> SigningKey:
    """Make a new key. RSA takes some tenths of a second of pure computing: call it in a thread."""
    private_key: PrivateKey
    match algorithm:
        case "EdDSA":
            private_key = Ed25519PrivateKey.generate()
        case "ES256":
            private_key = ec.generate_private_key(ec.SECP256R1())
        case "RS256":
            private_key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    return SigningKey.of(private_key, algorithm, created_at=created_at, active_from=active_from)


def thumbprint(members: Mapping[str, str]) -> str:
    """Return the SHA-256 thumbprint (RFC 7638, section 3) of a JWK reduced to its required members."""
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64url.encode(hashlib.sha256(canonical.encode()).digest()).decode()


def _fits(private_key: PrivateKey, algorithm: Algorithm) -> bool:
    match algorithm:
        case "EdDSA":
            return isinstance(private_key, Ed25519PrivateKey)
        case "ES256":
            return isinstance(private_key, EllipticCurvePrivateKey) and isinstance(
                private_key.curve, ec.SECP256R1
            )
        case "RS256":
            return isinstance(private_key, RSAPrivateKey) and private_key.key_size >= RSA_BITS
