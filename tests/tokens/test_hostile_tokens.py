"""Tokens as an attacker would make them; where it sharpens the test, signed with the real key."""

import hashlib
import hmac
import json
import tracemalloc
import uuid
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.tokens.forging import MISSING, SESSION, START, USER, claims, forge, header, segment

from authsvc.errors import InvalidToken
from authsvc.kit.database import Database
from authsvc.tokens import base64url
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.signing_keys import Algorithm, SigningKey, generate

at = int(START.timestamp())


@pytest.fixture
def key(key_ring: KeyRing) -> SigningKey:
    return key_ring.signing_key(START)


@pytest.fixture
def token(issuer: AccessTokenIssuer) -> str:
    return issuer.issue(USER, SESSION, START, ("pwd",))


def refused(issuer: AccessTokenIssuer, token: str) -> None:
    with pytest.raises(InvalidToken):
        issuer.verify(token)
    with pytest.raises(InvalidToken):
        issuer.verify_genuine(token)


async def test_the_forge_makes_valid_tokens_unless_told_otherwise(issuer: AccessTokenIssuer, key: SigningKey):
    assert issuer.verify(forge(key, header(key), claims())).user_id == USER


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
async def test_no_bit_of_a_token_can_be_flipped(issuer: AccessTokenIssuer, token: str, algorithm: Algorithm):
    raw = token.encode()
    places = range(len(raw)) if algorithm == "EdDSA" else range(0, len(raw), 7)
    for place in places:
        for bit in range(8):
            flipped = bytearray(raw)
            flipped[place] ^= 1 << bit
            with pytest.raises(InvalidToken):
                issuer.verify(flipped.decode("latin-1"))


async def test_a_token_is_refused_wherever_it_is_cut(issuer: AccessTokenIssuer, token: str):
    for end in range(len(token)):
        with pytest.raises(InvalidToken):
            issuer.verify(token[:end])


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", ""])
@pytest.mark.parametrize("signature", ["", "AA"])
async def test_an_unsigned_token_is_refused(
    issuer: AccessTokenIssuer, key: SigningKey, alg: str, signature: str
):  # A069
    message = segment(header(key, alg=alg)) + b"." + segment(claims())
    refused(issuer, f"{message.decode()}.{signature}")


@pytest.mark.parametrize("algorithm", get_args(Algorithm))  # read by the fixture of the key ring
async def test_the_public_key_is_no_hmac_secret(issuer: AccessTokenIssuer, key: SigningKey):  # A069
    pem = key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jwk = json.dumps(dict(key.public_jwk)).encode()
    for alg, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
        for secret in (pem, pem.strip(), der, der[-32:], jwk, b""):
            message = segment(header(key, alg=alg)) + b"." + segment(claims())
            tag = base64url.encode(hmac.new(secret, message, digest).digest())
            refused(issuer, (message + b"." + tag).decode())


@pytest.mark.parametrize(
    "alg",
    [
        "ES256",
        "RS256",
        "Ed25519",
        "eddsa",
        "EdDSA ",
        "EdDSA\0",
        "ES384",
        "PS256",
        MISSING,
        None,
        1,
        ["EdDSA"],
    ],
)
async def test_the_header_cannot_choose_the_algorithm(
    issuer: AccessTokenIssuer, key: SigningKey, alg: Any
):  # A069
    refused(issuer, forge(key, header(key, alg=alg), claims()))


@pytest.mark.parametrize(
    "member", ["jwk", "jku", "x5u", "x5c", "x5t", "zip", "cty", "crit", "b64", "iss", "", "Alg"]
)
async def test_a_further_header_member_is_refused(
    issuer: AccessTokenIssuer, key: SigningKey, member: str
):  # A072
    values: list[Any] = [None, "https://evil.example/keys", ["exp"], False, {}]
    for value in values:
        refused(issuer, forge(key, header(key, **{member: value}), claims()))


async def test_a_key_that_the_token_brings_along_is_not_used(
    issuer: AccessTokenIssuer, key: SigningKey
):  # A072
    own = generate("EdDSA", created_at=START, active_from=START)
    refused(issuer, forge(own, header(own, jwk=dict(own.public_jwk)), claims()))
    refused(issuer, forge(own, header(own, kid=key.kid, jwk=dict(own.public_jwk)), claims()))
    refused(issuer, forge(own, header(own), claims()))
    refused(issuer, forge(own, header(own, kid=key.kid), claims()))


@pytest.mark.parametrize(
    "kid",
    [
        "../../x", "/dev/null", "' OR 1=1 --", "k" * 2000, "", "\0", "\ud800", "ключ", 1, 1.5, True, None,
        ["a"], {"a": 1}, MISSING,
    ],
)  # fmt: skip
async def test_an_odd_kid_is_refused(issuer: AccessTokenIssuer, key: SigningKey, kid: Any):  # A071
    refused(issuer, forge(key, header(key, kid=kid), claims()))


async def test_an_unknown_kid_asks_nobody(
    issuer: AccessTokenIssuer, key: SigningKey, database: Database
):  # A071
    await database.close()  # verify is no coroutine either: it could not wait if it wanted to
    for _ in range(1000):
        refused(issuer, forge(key, header(key, kid=uuid.uuid4().hex), claims()))


@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", "AT+JWT", "at+JWT", "application/at+jwt", "", 5, None, ["at+jwt"], MISSING]
)
async def test_another_kind_of_token_is_refused(
    issuer: AccessTokenIssuer, key: SigningKey, typ: Any
):  # A073, A064
    refused(issuer, forge(key, header(key, typ=typ), claims()))


@pytest.mark.parametrize("claim", ["iss", "aud", "client_id"])
async def test_a_token_from_or_for_somebody_else_is_refused(
    issuer: AccessTokenIssuer, key: SigningKey, claim: str
):  # A074
    right = claims()[claim]
    wrongs: list[Any] = [
        "",
        "other",
        right + "/",
        right.upper(),
        [right],
        [right, "other"],
        5,
        None,
        True,
        {},
        MISSING,
    ]
    for wrong in wrongs:
        refused(issuer, forge(key, header(key), claims(**{claim: wrong})))


@pytest.mark.parametrize("claim", sorted(claims()))
async def test_a_missing_claim_is_refused(issuer: AccessTokenIssuer, key: SigningKey, claim: str):  # A075
    refused(issuer, forge(key, header(key), claims(**{claim: MISSING})))


@pytest.mark.parametrize("claim", ["iat", "exp", "auth_time"])
@pytest.mark.parametrize(
    "literal",
    [
        f"{at + 1}.0", f"{at + 1}.5", f'"{at + 1}"', '"٣"', "true", "false", "null", "NaN", "Infinity",
        "-Infinity",
        "1e9", "1e400", "-1e400", "-1", str(2**53), str(2**53 + 1), "1" + "0" * 20, "9" * 3000, "[]", "{}",
        f"[{at}]", f"0{at}", f"+{at}", "0x10", "٣", "",
    ],
)  # fmt: skip
async def test_a_time_that_is_no_plain_integer_is_refused(
    issuer: AccessTokenIssuer, key: SigningKey, claim: str, literal: str
):  # A075
    text = json.dumps(claims(**{claim: "HERE"})).replace('"HERE"', literal)
    refused(issuer, forge(key, header(key), text))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": at + 301},
        {"exp": at + 365 * 86400},
        {"exp": at},
        {"exp": at - 1},
        {"iat": at + 6, "exp": at + 10},
        {"iat": at + 3600, "exp": at + 3700},
        {"auth_time": at + 1},
        {"iat": 0, "exp": 300, "auth_time": 0},
        {"iat": 2**53 - 2, "exp": 2**53 - 1},
        {"auth_time": 2**53 - 1},
    ],
)
async def test_times_that_do_not_fit_together_are_refused(
    issuer: AccessTokenIssuer, key: SigningKey, changes: dict[str, int]
):  # A076
    refused(issuer, forge(key, header(key), claims(**changes)))


@pytest.mark.parametrize("claim", ["sub", "sid"])
@pytest.mark.parametrize(
    "value",
    [
        str(USER).upper(), USER.hex, f"{{{USER}}}", f"urn:uuid:{USER}", f"{USER}\n", f" {USER}", "", 5, None,
        [str(USER)], "é" * 36, "\uff10" + str(USER)[1:],
    ],
)  # fmt: skip
async def test_an_id_in_another_spelling_is_refused(
    issuer: AccessTokenIssuer, key: SigningKey, claim: str, value: Any
):
    refused(issuer, forge(key, header(key), claims(**{claim: value})))


@pytest.mark.parametrize(
    "jti", ["", "A" * 21, "A" * 23, "A" * 21 + "B", "A" * 21 + "=", "A" * 22 + "\n", 5, None]
)
async def test_an_odd_token_id_is_refused(issuer: AccessTokenIssuer, key: SigningKey, jti: Any):
    refused(issuer, forge(key, header(key), claims(jti=jti)))


@pytest.mark.parametrize(
    "amr", [[], "pwd", [1], [None], ["PWD"], [""], ["\ud800"], ["a"] * 9, {"pwd": 1}, None]
)
async def test_odd_methods_are_refused(issuer: AccessTokenIssuer, key: SigningKey, amr: Any):
    refused(issuer, forge(key, header(key), claims(amr=amr)))


@pytest.mark.parametrize("changes", [{"nbf": at}, {"cnf": {"jkt": "x"}}])
async def test_a_restriction_that_is_not_enforced_is_not_overlooked(
    issuer: AccessTokenIssuer, key: SigningKey, changes: dict[str, Any]
):
    refused(issuer, forge(key, header(key), claims(**changes)))


async def test_a_claim_of_a_later_version_does_no_harm(issuer: AccessTokenIssuer, key: SigningKey):
    assert issuer.verify(forge(key, header(key), claims(roles=["x"]))).user_id == USER


@pytest.mark.parametrize("claim", sorted(claims()))
async def test_a_duplicate_claim_is_refused(issuer: AccessTokenIssuer, key: SigningKey, claim: str):  # A077
    text = json.dumps(claims())
    twice = json.dumps({claim: claims()[claim]})[1:-1]
    refused(issuer, forge(key, header(key), text[:-1] + ", " + twice + "}"))
    escaped = twice.replace(f'"{claim}"', f'"\\u{ord(claim[0]):04x}{claim[1:]}"', 1)
    refused(issuer, forge(key, header(key), text[:-1] + ", " + escaped + "}"))


async def test_a_duplicate_in_the_header_or_deep_inside_is_refused(
    issuer: AccessTokenIssuer, key: SigningKey
):  # A077
    head = json.dumps(header(key))
    for extra in ('"alg":"EdDSA"', '"alg":"none"', f'"kid":"{key.kid}"', '"typ":"at+jwt"'):
        refused(issuer, forge(key, head[:-1] + "," + extra + "}", claims()))
    refused(issuer, forge(key, header(key), json.dumps(claims())[:-1] + ',"x":{"a":1,"a":1}}'))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b'"x"', b"5", b"{", b"\xff\xfe", b"[" * 2500, b'{"a":' * 500, b"{}" * 2,
        json.dumps(claims()).encode("utf-16"), json.dumps(claims()).encode("utf-32"),
        b"\xef\xbb\xbf" + json.dumps(claims()).encode(), json.dumps(claims()).encode() + b"\0",
        json.dumps(claims()).replace("pwd", "pw\n").replace("\\n", "\n").encode(),
        json.dumps(claims()).encode().replace(b"pwd", b"\xc3"),
    ],
)  # fmt: skip
async def test_a_payload_or_header_that_is_not_strict_json_is_refused(
    issuer: AccessTokenIssuer, key: SigningKey, body: bytes
):
    refused(issuer, forge(key, header(key), body))
    refused(issuer, forge(key, body, claims()))


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
async def test_a_number_that_is_not_json_is_refused_wherever_it_stands(
    issuer: AccessTokenIssuer, key: SigningKey, constant: str
):  # A075
    refused(issuer, forge(key, header(key), json.dumps(claims())[:-1] + f',"x":{constant}}}'))


async def test_another_spelling_of_the_same_bytes_is_refused(issuer: AccessTokenIssuer, token: str):  # A078
    head, payload, signature = token.split(".")
    last = {"A": "B", "Q": "R", "g": "h", "w": "x"}[signature[-1]]
    for other in (
        f"{head}.{payload}.{signature}==",
        f"{head}.{payload}.{signature}=",
        f"{head}=.{payload}.{signature}",
        f"{head}.{payload}.{signature[:-1]}{last}",
        f"{head}.{payload}.{signature}\n",
        f" {token}",
        f"{token} ",
        f"{head}.{payload}.\n{signature}",
        f"{head}.{payload}\r\n.{signature}",
        f"{head}. {payload}.{signature}",
        f"{token}.",
        f".{token}",
        f"{token}.a.b",
        f"{head}.{payload}",
        f"{head}..{signature}",
        f".{payload}.{signature}",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature}é",
        token.replace(".", "。"),
        "",
        ".",
        "..",
        "\ud800",
    ):
        refused(issuer, other)


async def test_the_alphabet_of_plain_base64_is_refused(issuer: AccessTokenIssuer):  # A078
    spelled = 0
    while spelled < 20:
        token = issuer.issue(USER, SESSION, START, ("pwd",))
        other = token.replace("-", "+").replace("_", "/")
        if other != token:
            spelled += 1
            refused(issuer, other)


@pytest.mark.parametrize(
    "huge",
    ["A" * 10**6, "." * 10**6, "e30." * 10**6, "é" * 10**6, "A.A." + "A" * 10**6, "=" * 10**6],
    ids=["letters", "dots", "segments", "accents", "signature", "padding"],
)
async def test_a_huge_token_costs_nothing(issuer: AccessTokenIssuer, huge: str):  # A078
    """It is not copied, split or decoded: any of these would take its size in memory."""
    refused(issuer, "e30.e30.e30")  # what the first refusal imports or remembers is not counted
    tracemalloc.start()
    try:
        refused(issuer, huge)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < len(huge) / 20


async def test_a_token_may_have_4096_bytes_and_no_more(issuer: AccessTokenIssuer, key: SigningKey):  # A078
    def padded(size: int) -> str:
        return forge(key, header(key), json.dumps(claims()) + " " * size)

    size = next(size for size in range(2000, 4000) if len(padded(size)) > 4096)
    assert len(padded(size - 1)) in (4095, 4096)
    assert issuer.verify(padded(size - 1)).user_id == USER
    refused(issuer, padded(size))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_fuzz
@given(token=st.text() | st.text(alphabet="eyJ.-_=A", max_size=60))
async def test_any_text_is_refused_as_an_invalid_token(issuer: AccessTokenIssuer, token: str):
    refused(issuer, token)


@_fuzz
@given(content=st.binary(max_size=200))
async def test_any_signed_bytes_are_refused_as_an_invalid_token(
    issuer: AccessTokenIssuer, key: SigningKey, content: bytes
):
    refused(issuer, forge(key, header(key), content))
    refused(issuer, forge(key, content, claims()))


@_fuzz
@given(name=st.sampled_from(sorted(claims())), value=_json)
async def test_any_signed_claim_is_read_or_refused_as_an_invalid_token(
    issuer: AccessTokenIssuer, key: SigningKey, name: str, value: Any
):
    try:
        issuer.verify(forge(key, header(key), claims(**{name: value})))
    except InvalidToken:
        assert value != claims()[name]
    else:
        assert type(value) is type(claims()[name])


@_fuzz
@given(name=st.sampled_from(["alg", "kid", "typ"]), value=_json)
async def test_any_signed_header_member_is_refused_as_an_invalid_token(
    issuer: AccessTokenIssuer, key: SigningKey, name: str, value: Any
):
    refused(issuer, forge(key, header(key, **{name: value}), claims()))
