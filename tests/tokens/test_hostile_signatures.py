"""Signatures that are none, or would be one by a lenient reading: the kinds of cases that Wycheproof has."""

import hashlib
import json
from collections.abc import Callable
from typing import get_args

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from tests.tokens.forging import SESSION, START, USER, claims, forge, header, segment

from authsvc.errors import InvalidToken
from authsvc.tokens import base64url
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.signing_keys import Algorithm, SigningKey, generate

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493  # RFC 8032, section 5.1
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # FIPS 186-4, D.1.2.3

# Points of Ed25519 whose order divides 8: with one of them for R or A, a lenient check proves nothing.
SMALL_ORDER = tuple(
    bytes.fromhex(point)
    for point in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)

only = pytest.mark.parametrize


@pytest.fixture
def key(key_ring: KeyRing) -> SigningKey:
    return key_ring.signing_key(START)


@pytest.fixture
def token(issuer: AccessTokenIssuer) -> str:
    return issuer.issue(USER, SESSION, START, ("pwd",))


def taken_apart(token: str) -> tuple[bytes, bytes]:
    message, _, signature = token.encode().rpartition(b".")
    return message, base64url.decode(signature)


def signed_by(message: bytes, signature: bytes) -> str:
    return (message + b"." + base64url.encode(signature)).decode()


def refused(issuer: AccessTokenIssuer, token: str, why: object = "") -> None:
    for verify in (issuer.verify, issuer.verify_genuine):
        accepted = True
        try:
            verify(token)
        except InvalidToken:
            accepted = False
        assert not accepted, why


def numbers(*pairs: tuple[int, int]) -> list[bytes]:
    return [r.to_bytes(32, "big") + s.to_bytes(32, "big") for r, s in pairs]


@only("algorithm", get_args(Algorithm))
async def test_a_signature_of_another_length_is_refused(issuer, token, algorithm):
    message, right = taken_apart(token)
    for wrong in (
        b"", right[:-1], right[1:], right + b"\0", b"\0" + right, right * 2, right[: len(right) // 2],
        right.rstrip(b"\0") + b"\0\0", bytes(len(right)), b"\xff" * len(right), right[::-1],
    ):  # fmt: skip
        refused(issuer, signed_by(message, wrong), wrong)


@only("algorithm", get_args(Algorithm))
async def test_no_bit_of_a_signature_can_be_flipped(issuer, token, algorithm):
    message, right = taken_apart(token)
    for place in range(0, len(right) * 8, 1 if len(right) == 64 else 5):
        flipped = bytearray(right)
        flipped[place // 8] ^= 1 << place % 8
        refused(issuer, signed_by(message, bytes(flipped)), place)


@only("algorithm", get_args(Algorithm))
async def test_a_signature_of_something_else_is_refused(issuer, key, token, algorithm):
    """Of the payload alone, of another order or spelling of the parts, of their digest, of another token."""
    message, _ = taken_apart(token)
    head, _, body = message.partition(b".")
    other = segment(header(key)) + b"." + segment(claims(sid=str(USER)))
    digest = hashlib.sha256(message).digest()
    wide = message.decode().encode("utf-16")
    for signed in (body, head, body + b"." + head, head + body, message + b".", digest, wide, other, b""):
        refused(issuer, signed_by(message, key.sign(signed)), signed)


@only("algorithm", get_args(Algorithm))
async def test_the_parts_of_two_tokens_do_not_make_a_third(issuer, token, algorithm):
    other = issuer.issue(SESSION, USER, START, ("pwd",))
    for number in (1, 2):  # the headers are the same
        mixed = token.split(".")
        mixed[number] = other.split(".")[number]
        refused(issuer, ".".join(mixed))


@only("algorithm", get_args(Algorithm))
async def test_a_key_of_the_same_kind_is_not_this_key(issuer, key, algorithm):
    stranger = generate(algorithm, created_at=START, active_from=START)
    refused(issuer, forge(stranger, header(key), claims()))


class TestEdDSA:
    async def test_s_beyond_the_order_is_refused(self, issuer, token):  # RFC 8032, section 5.1.7
        """Without this check every signature has several spellings."""
        message, right = taken_apart(token)
        s = int.from_bytes(right[32:], "little")
        for multiple in range(1, 16):
            moved = s + multiple * ED25519_ORDER
            if moved < 2**256:
                refused(issuer, signed_by(message, right[:32] + moved.to_bytes(32, "little")), multiple)
        refused(issuer, signed_by(message, right[:32] + bytes(32)))
        refused(issuer, signed_by(message, right[:32] + ED25519_ORDER.to_bytes(32, "little")))
        refused(issuer, signed_by(message, right[:32] + (ED25519_ORDER - s).to_bytes(32, "little")))

    async def test_a_point_of_small_order_proves_nothing(self, issuer, token):
        message, right = taken_apart(token)
        for point in SMALL_ORDER:
            refused(issuer, signed_by(message, point + bytes(32)), point)
            refused(issuer, signed_by(message, point + right[32:]), point)

    async def test_another_edwards_curve_is_refused(self, issuer, key):
        message = segment(header(key)) + b"." + segment(claims())
        refused(issuer, signed_by(message, ed448.Ed448PrivateKey.generate().sign(message)))

    async def test_a_signature_of_the_digest_is_refused(self, issuer, key):
        """Ed25519ph (RFC 8032, section 5.1) is another algorithm."""
        message = segment(header(key)) + b"." + segment(claims())
        refused(issuer, signed_by(message, key.sign(hashlib.sha512(message).digest())))


@only("algorithm", ["ES256"])
class TestES256:
    async def test_numbers_that_are_out_of_range_are_refused(self, issuer, token, algorithm):  # SEC 1, 4.1.4
        message, right = taken_apart(token)
        r, s = int.from_bytes(right[:32], "big"), int.from_bytes(right[32:], "big")
        n, most = P256_ORDER, 2**256 - 1
        for wrong in numbers(
            (0, 0), (0, s), (r, 0), (1, 1), (n, s), (r, n), (n, n), (0, 1), (1, 0), (n - 1, s), (r, n - 1),
            (n, 0), (0, n), (most, most), (r, most), (s, r), (n - r, s), (n - r, n - s),
        ):  # fmt: skip
            refused(issuer, signed_by(message, wrong), wrong)
        if r + n <= most:
            refused(issuer, signed_by(message, numbers((r + n, s))[0]))

    async def test_the_mirrored_signature_says_the_same_and_no_more(self, issuer, token, algorithm):
        """ECDSA has two signatures of everything, which anybody can turn into each other: JWS takes both.

        So nothing here may tell tokens apart by their text: what is ended is a session.
        """
        message, right = taken_apart(token)
        s = P256_ORDER - int.from_bytes(right[32:], "big")
        mirrored = signed_by(message, right[:32] + s.to_bytes(32, "big"))
        assert issuer.verify(mirrored) == issuer.verify(token)

    async def test_der_is_refused(self, issuer, key, token, algorithm):  # RFC 7518, section 3.4: raw
        message, right = taken_apart(token)
        r, s = int.from_bytes(right[:32], "big"), int.from_bytes(right[32:], "big")
        refused(issuer, signed_by(message, encode_dss_signature(r, s)))
        own = key.private_key
        assert isinstance(own, EllipticCurvePrivateKey)
        refused(issuer, signed_by(message, own.sign(message, ec.ECDSA(hashes.SHA256()))))

    async def test_numbers_of_another_width_are_refused(self, issuer, token, algorithm):
        message, right = taken_apart(token)
        r, s = right[:32], right[32:]
        for wrong in (b"\0" + r + b"\0" + s, r + b"\0" + s, b"\0" + r + s, r.lstrip(b"\0") + s[1:], s + r):
            refused(issuer, signed_by(message, wrong))

    @only(
        "digest",
        [
            hashes.SHA1(),  # noqa: S303 - an attacker does not mind
            hashes.SHA224(),
            hashes.SHA384(),
            hashes.SHA512(),
        ],
        ids=lambda d: d.name,
    )
    async def test_another_digest_is_refused(self, issuer, key, digest, algorithm):
        message = segment(header(key)) + b"." + segment(claims())
        r, s = decode_dss_signature(key.private_key.sign(message, ec.ECDSA(digest)))
        refused(issuer, signed_by(message, numbers((r, s))[0]))

    @only(
        "curve", [ec.SECP256K1(), ec.SECP384R1(), ec.SECP521R1(), ec.BrainpoolP256R1()], ids=lambda c: c.name
    )
    async def test_another_curve_is_refused(self, issuer, key, curve, algorithm):
        message = segment(header(key)) + b"." + segment(claims())
        stranger = ec.generate_private_key(curve)
        r, s = decode_dss_signature(stranger.sign(message, ec.ECDSA(hashes.SHA256())))
        width = (curve.key_size + 7) // 8
        refused(issuer, signed_by(message, r.to_bytes(width, "big") + s.to_bytes(width, "big")))


@only("algorithm", ["RS256"])
class TestRS256:
    async def test_other_paddings_and_digests_are_refused(self, issuer, key, algorithm):
        message = segment(header(key)) + b"." + segment(claims())
        own = key.private_key
        assert isinstance(own, RSAPrivateKey)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        for way, digest in (
            (pss, hashes.SHA256()), (padding.PKCS1v15(), hashes.SHA224()),
            (padding.PKCS1v15(), hashes.SHA384()),
            (padding.PKCS1v15(), hashes.SHA512()),
        ):  # fmt: skip
            refused(issuer, signed_by(message, own.sign(message, way, digest)), digest.name)

    async def test_a_number_that_is_the_same_modulo_n_is_refused(self, issuer, key, token, algorithm):
        message, right = taken_apart(token)
        own = key.private_key
        assert isinstance(own, RSAPrivateKey)
        n = own.private_numbers().public_numbers.n
        value = int.from_bytes(right, "big")
        for wrong in (0, 1, n - 1, n, n - value):
            refused(issuer, signed_by(message, wrong.to_bytes(len(right), "big")), wrong)
        moved = value + n
        refused(issuer, signed_by(message, moved.to_bytes(len(right) + 1, "big")))
        if moved.bit_length() <= len(right) * 8:
            refused(issuer, signed_by(message, moved.to_bytes(len(right), "big")))

    async def test_garbage_behind_the_digest_is_refused(self, issuer, key, algorithm):
        """Paddings that a lenient parser reads over (RFC 8017, section 8.2.2; Bleichenbacher 2006)."""
        message = segment(header(key)) + b"." + segment(claims())
        own = key.private_key
        assert isinstance(own, RSAPrivateKey)
        secret, size = own.private_numbers(), own.key_size // 8
        info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
        without_null = bytes.fromhex("302f300b06096086480165030402010420") + info[-32:]
        right = b"\0\1" + b"\xff" * (size - 3 - len(info)) + b"\0" + info
        paddings = (
            b"\0\1\xff\0" + info + b"\x5a" * (size - 4 - len(info)),
            b"\0\1" + b"\xff" * 8 + b"\0" + info + bytes(size - 11 - len(info)),
            b"\0\2" + right[2:],
            b"\0\0" + right[2:],
            right[:2] + b"\xfe" + right[3:],
            b"\0\1" + b"\xff" * (size - 3 - len(without_null)) + b"\0" + without_null,
            b"\0\1" + b"\xff" * (size - 3 - 32) + b"\0" + info[-32:],
        )

        def raw(padded: bytes) -> bytes:
            modulus = secret.public_numbers.n
            return pow(int.from_bytes(padded, "big"), secret.d, modulus).to_bytes(size, "big")

        assert issuer.verify(signed_by(message, raw(right))).user_id == USER
        for padded in paddings:
            refused(issuer, signed_by(message, raw(padded)), padded[:8])


@only("make", [
    lambda: ec.generate_private_key(ec.SECP256R1()).sign(b"x", ec.ECDSA(hashes.SHA256())),
    lambda: Ed25519PrivateKey.generate().sign(b"x"),
    lambda: rsa.generate_private_key(65537, 2048).sign(b"x", padding.PKCS1v15(), hashes.SHA256()),
], ids=["ES256", "EdDSA", "RS256"])  # fmt: skip
@only("algorithm", get_args(Algorithm))
async def test_a_signature_of_another_algorithm_is_refused(
    issuer: AccessTokenIssuer, key: SigningKey, make: Callable[[], bytes], algorithm: Algorithm
):
    message = segment(header(key)) + b"." + segment(claims())
    refused(issuer, signed_by(message, make()))


async def test_the_header_is_what_the_signature_covers(issuer: AccessTokenIssuer, key: SigningKey):
    """Another spelling of the same header is another header."""
    for spelled in (
        json.dumps(header(key), indent=1),
        json.dumps(header(key), sort_keys=True) + " ",
        json.dumps(header(key)).replace("alg", "\\u0061lg"),
    ):
        right = forge(key, header(key), claims())
        refused(issuer, segment(spelled).decode() + right[right.index(".") :])
        assert issuer.verify(forge(key, spelled, claims())).user_id == USER
