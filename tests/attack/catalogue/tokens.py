"""Access tokens as an attacker makes them; where it sharpens the case, signed with the service's own key."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.attack.case import Ask, Case, Made, Target, any_of
from tests.tokens.forging import MISSING, forge, header, segment

from authsvc.tokens import base64url

_401 = any_of(401)
_INVALID = "invalid_token"


def _refused(name: str, make: Made) -> Case:
    return Case(f"token: {name}", Ask("GET", "/user", bearer=make), _401, _INVALID)


def _claims(target: Target, **changes: Any) -> dict[str, Any]:
    """Return the claims of a token that the service would have issued to the victim just now."""
    now = int(time.time())
    members: dict[str, Any] = {
        "iss": target.rules.issuer,
        "sub": target.values["victim.user"],
        "aud": target.rules.audience,
        "client_id": target.rules.client_id,
        "iat": now,
        "exp": now + 300,
        "jti": "AAAAAAAAAAAAAAAAAAAAAA",
        "sid": target.values["victim.session"],
        "auth_time": now,
        "amr": ["pwd"],
    } | changes
    return {name: value for name, value in members.items() if value is not MISSING}


def _claiming(**changes: Any) -> Made:
    return lambda target: forge(target.key, header(target.key), _claims(target, **changes))


def _later(name: str, seconds: int, **more: int) -> Made:
    """Move the time ``name`` by so much from now, and others too."""

    def make(target: Target) -> str:
        now = int(time.time())
        times = {key: now + value for key, value in {name: seconds, **more}.items()}
        return forge(target.key, header(target.key), _claims(target, **times))

    return make


def _headed(**changes: Any) -> Made:
    return lambda target: forge(target.key, header(target.key, **changes), _claims(target))


def _unsigned(alg: str, signature: str = "") -> Made:
    def make(target: Target) -> str:
        message = segment(header(target.key, alg=alg)) + b"." + segment(_claims(target))
        return f"{message.decode()}.{signature}"

    return make


def _by_hmac(secret: Callable[[Target], bytes]) -> Made:
    def make(target: Target) -> str:
        message = segment(header(target.key, alg="HS256")) + b"." + segment(_claims(target))
        tag = hmac.digest(secret(target), message, hashlib.sha256)
        return (message + b"." + base64url.encode(tag)).decode()

    return make


def _changed(change: Callable[[str], str]) -> Made:
    return lambda target: change(target.values["victim.access"])


def _pem(target: Target) -> bytes:
    return target.key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _swap(token: str, other: str, part: int) -> str:
    parts, others = token.split("."), other.split(".")
    parts[part] = others[part]
    return ".".join(parts)


def _mixed(part: int) -> Made:
    return lambda target: _swap(target.values["victim.access"], target.values["attacker.access"], part)


_ODD_TIMES: tuple[Any, ...] = (1e10, "9999999999", True, None, 10**20, -1, [1], {})

CASES = (
    # A069
    *(_refused(f"alg {alg}", _unsigned(alg)) for alg in ("none", "None", "nOnE", "NONE", "")),
    _refused("alg none with a signature", _unsigned("none", "AA")),
    _refused("alg EdDSA without a signature", _unsigned("EdDSA")),
    _refused("HMAC with the public key as PEM", _by_hmac(_pem)),
    _refused("HMAC with the public key as JWK", _by_hmac(lambda t: json.dumps(dict(t.key.public_jwk)).encode())),
    _refused("HMAC with nothing", _by_hmac(lambda _: b"")),
    *(_refused(f"alg {alg} over the right signature", _headed(alg=alg))
      for alg in ("ES256", "RS256", "Ed25519", "eddsa", "PS256", 1, None, ["EdDSA"])),
    # A071
    *(_refused(f"kid {str(kid)[:16]}", _headed(kid=kid))
      for kid in ("../../x", "/dev/null", "' OR 1=1 --", "http://evil.example/k", "", "\0", 1, None, ["a"], {"a": 1},
                  "k" * 1500)),
    # A072
    *(_refused(f"a header member {name}", _headed(**{name: value}))
      for name, value in (
          ("jwk", {"kty": "OKP"}), ("jku", "https://evil.example/keys"), ("x5u", "https://evil.example/x"),
          ("x5c", ["x"]), ("crit", ["exp"]), ("zip", "DEF"), ("cty", "JWT"), ("b64", False))),
    # A064, A073
    *(_refused(f"typ {typ}", _headed(typ=typ)) for typ in ("JWT", "AT+JWT", "id+jwt", "application/at+jwt", 5, None)),
    _refused("no typ", _headed(typ=MISSING)),
    Case("token: a refresh token", Ask(bearer="<<attacker.refresh>>"), _401, _INVALID),
    Case("token: an access token for a refresh",
         Ask("POST", "/refresh_jwt", b'{"refresh_token": "<<attacker.access>>"}'), _401, "invalid_refresh_token"),
    Case("token: a session's id", Ask(bearer="<<victim.session>>"), _401, _INVALID),
    Case("token: a user's id", Ask(bearer="<<victim.user>>"), _401, _INVALID),
    # A074
    *(_refused(f"another {name}", _claiming(**{name: "https://evil.example"})) for name in ("iss", "aud", "client_id")),
    _refused("no aud", _claiming(aud=MISSING)),
    _refused("a list of audiences", lambda t: forge(t.key, header(t.key), _claims(t, aud=[t.rules.audience, "x"]))),
    # A075
    *(_refused(f"no {name}", _claiming(**{name: MISSING}))
      for name in ("iss", "sub", "client_id", "iat", "exp", "jti", "sid", "auth_time", "amr")),
    *(_refused(f"exp {value!r:.12}", _claiming(exp=value))
      for value in _ODD_TIMES),
    _refused("an expiry that is infinite", lambda t: forge(
        t.key, header(t.key), json.dumps(_claims(t, exp=0)).replace('"exp": 0', '"exp": 1e400'))),
    # A076
    _refused("a year", _later("exp", 365 * 86_400)),
    _refused("expired a minute ago", _later("exp", -60, iat=-360, auth_time=-360)),
    _refused("issued in an hour", _later("iat", 3600, exp=3700)),
    _refused("expired before it was issued", _later("exp", -10)),
    # A077
    _refused("a claim twice", lambda t: forge(
        t.key, header(t.key), json.dumps(_claims(t))[:-1] + ', "exp": 9999999999}')),
    _refused("alg twice", lambda t: forge(t.key, json.dumps(header(t.key))[:-1] + ', "alg": "none"}', _claims(t))),
    # A078
    _refused("padding", _changed(lambda token: token + "==")),
    _refused("another spelling of the last bits", _changed(
        lambda token: token[:-1] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[token[-1]])),
    _refused("a fourth part", _changed(lambda token: token + ".x")),
    _refused("five parts", _changed(lambda token: token + ".x.y")),
    _refused("two parts", _changed(lambda token: token.rpartition(".")[0])),
    _refused("only dots", lambda _: "..."),
    _refused("an empty signature", _changed(lambda token: token.rpartition(".")[0] + ".")),
    _refused("half a signature", _changed(lambda token: token[:-43])),
    _refused("4097 bytes", _changed(lambda token: token + "A" * (4097 - len(token)))),
    _refused("another victim's payload", _mixed(1)),
    _refused("another victim's signature", _mixed(2)),
    _refused("zeros for a signature", _changed(lambda token: token.rpartition(".")[0] + "." + "A" * 86)),
    # Signed by us, and yet nobody's
    Case("token: a session that is not the user's", Ask(bearer=lambda t: forge(
        t.key, header(t.key), _claims(t, sub=t.values["attacker.user"]))), _401, "session_ended"),
    Case("token: a user who never was", Ask(bearer=_claiming(sub="00000000-0000-4000-8000-000000000000")), _401,
         "session_ended"),
    Case("token: a session that never was", Ask(bearer=_claiming(sid="00000000-0000-4000-8000-000000000000")), _401,
         "session_ended"),
    _refused("a sub in capital letters", lambda t: forge(
        t.key, header(t.key), _claims(t, sub=t.values["victim.user"].upper().replace("-", "A", 1)))),
    _refused("a sub with a line break", lambda t: forge(
        t.key, header(t.key), _claims(t, sub=t.values["victim.user"] + "\n"))),
    _refused("a restriction that nobody enforces", _claiming(cnf={"jkt": "x"})),
)  # fmt: skip
