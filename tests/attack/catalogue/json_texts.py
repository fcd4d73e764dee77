"""JSON that is not strict, or not what was asked for (RFC 8259; OWASP ASVS 5.0, V1.5.3)."""

import json

from tests.attack.case import MARKER, Ask, Case, any_of

_NOT_JSON = any_of(400)
_MISFIT = any_of(422)
_WHOLE = {"username": "attacker", "password": f"wrong {MARKER} battery"}
_TEXT = json.dumps(_WHOLE).encode()


def _login(name: str, body: bytes, statuses: frozenset[int], code: str) -> Case:
    return Case(name, Ask("POST", "/login", body), statuses, code)


def _plus(rest: str) -> bytes:
    """The whole body, and a member more."""
    return _TEXT[:-1] + b", " + rest.encode() + b"}"


_STRICT = tuple(  # A092
    _login(name, body, _NOT_JSON, "invalid_json")
    for name, body in (
        ("a byte order mark", b"\xef\xbb\xbf" + _TEXT),
        ("UTF-16", json.dumps(_WHOLE).encode("utf-16")),
        ("UTF-16 without a mark", json.dumps(_WHOLE).encode("utf-16-le")),
        ("UTF-32", json.dumps(_WHOLE).encode("utf-32")),
        ("Latin-1", '{"username": "é", "password": "x"}'.encode("latin-1")),
        ("surrogates in UTF-8", b'{"username": "\xed\xa0\x80", "password": "x"}'),
        ("overlong UTF-8", b'{"username": "\xc0\xaf", "password": "x"}'),
        ("UTF-8 cut off", b'{"username": "\xe2\x82'),
        ("a key twice", _TEXT[:-1] + b"," + _TEXT[1:]),
        ("a key twice, once escaped", _plus('"\\u0075sername": "root"')),
        ("a key twice deep inside", _plus('"x": [{"a": 1, "a": 1}]')),
        ("NaN", _plus('"x": NaN')),
        ("Infinity", _plus('"x": Infinity')),
        ("-Infinity", _plus('"x": -Infinity')),
        ("a number beyond floats", _plus('"x": 1e400')),
        ("an integer of 2^53", _plus('"x": 9007199254740992')),
        ("an integer of -2^53", _plus('"x": -9007199254740992')),
        ("an integer of 10 000 digits", _plus('"x": ' + "9" * 10_000)),
        ("nine levels", _plus('"x": ' + "[" * 8 + "]" * 8)),
        ("nine levels of objects", _plus('"x": ' + '{"a":' * 8 + "1" + "}" * 8)),
        ("15 000 open brackets", b"[" * 15_000),
        ("3000 open objects", b'{"a":' * 3000),
        ("15 000 closing brackets", b"]" * 15_000),
        ("a comma at the end", _TEXT[:-1] + b",}"),
        ("a comma at the end of a list", _plus('"x": [1,]')),
        ("two commas", _TEXT[:-1] + b',,"x":1}'),
        ("a comment", _TEXT[:-1] + b"/* x */}"),
        ("a line's comment", _TEXT + b" // x"),
        ("single quotes", b"{'username': 'a', 'password': 'b'}"),
        ("keys without quotes", b'{username: "a", password: "b"}'),
        ("a hexadecimal number", _plus('"x": 0x10')),
        ("a zero before a number", _plus('"x": 010')),
        ("a plus before a number", _plus('"x": +1')),
        ("a point without digits", _plus('"x": 1.')),
        ("digits of another script", _plus('"x": ٣')),
        ("True", _plus('"x": True')),
        ("undefined", _plus('"x": undefined')),
        ("a line break in a text", b'{"username": "a\nb", "password": "x"}'),
        ("a tab in a text", b'{"username": "a\tb", "password": "x"}'),
        ("a NUL in a text", b'{"username": "a\0b", "password": "x"}'),
        ("a NUL after it", _TEXT + b"\0"),
        ("an escape that is none", b'{"username": "\\x41", "password": "x"}'),
        ("half an escape", b'{"username": "\\u12G4", "password": "x"}'),
        ("a text without an end", b'{"username": "a'),
        ("two documents", _TEXT + _TEXT),
        ("two lines of JSON", _TEXT + b"\n" + _TEXT),
        ("a guard before it", b")]}',\n" + _TEXT),
        ("a byte that is none", _TEXT[:-1] + b"\xff}"),
        ("a space of another kind", "\u00a0".encode() + _TEXT),
        ("a form feed", b"\x0c" + _TEXT),
        ("only spaces", b" \r\n\t "),
        ("a form", b"username=attacker&password=x"),
        ("a call", b"callback(" + _TEXT + b")"),
    )
)

_SHAPES = tuple(
    _login(name, body, _MISFIT, "invalid_request")
    for name, body in (
        ("a list", b"[" + _TEXT + b"]"),
        ("null", b"null"),
        ("a text", b'"attacker"'),
        ("a number", b"1"),
        ("true", b"true"),
        ("an empty object", b"{}"),
        ("null for a name", b'{"username": null, "password": "x"}'),
        ("a number for a name", b'{"username": 1, "password": "x"}'),
        ("true for a password", b'{"username": "attacker", "password": true}'),
        ("a list for a name", b'{"username": ["attacker"], "password": "x"}'),
        ("an operator for a name", b'{"username": {"$ne": null}, "password": {"$ne": null}}'),
        ("an expression for a password", b'{"username": "attacker", "password": {"$regex": ".*"}}'),
        ("a name that is too long", b'{"username": "' + b"a" * 321 + b'", "password": "x"}'),
        ("a password that is too long", b'{"username": "a", "password": "' + b"a" * 4097 + b'"}'),
        ("2000 unknown fields", b"{" + b",".join(b'"a%d":1' % n for n in range(1200)) + b"}"),
        ("a field's name of 15 KB", b'{"' + b"a" * 15_000 + b'": 1}'),
        ("a field without a name", _plus('"": 1')),
        ("a field named NUL", _plus('"\\u0000": 1')),
        ("a field named like the marker", _plus(f'"{MARKER}": 1')),
    )
)

_UNKNOWN = tuple(  # A096
    Case(f"{name} in a registration", Ask("POST", "/register", json.dumps(
        {"username": "mallory", "password": "a lantern over quiet water", name: value}).encode()),
        _MISFIT, "invalid_request")
    for name, value in (
        ("is_admin", True), ("id", "00000000-0000-4000-8000-000000000000"), ("email_verified", True),
        ("role", "admin"), ("session_epoch", 0), ("disabled_at", None), ("password_hash", "x"),
        ("__proto__", {"is_admin": True}), ("constructor", {"prototype": {}}), ("__class__", "x"),
        ("USERNAME", "admin"), ("username ", "admin"), ("created_at", "1970-01-01T00:00:00Z"),
    )
) + tuple(
    Case(f"{name} in a change of the user", Ask("PATCH", "/user", json.dumps({name: value}).encode(),
         bearer="<<attacker.access>>"), _MISFIT, "invalid_request")
    for name, value in (
        ("id", "<<victim.user>>"), ("username", "victim"), ("email_verified", True), ("password", "x"),
        ("version", -1),
    )
) + (
    Case("a session in a login", Ask("POST", "/login", json.dumps(  # A050
        _WHOLE | {"session_id": "<<victim.session>>"}).encode()), _MISFIT, "invalid_request"),
    Case("a user in a log-out", Ask("POST", "/logout", b'{"scope": "all", "user_id": "<<victim.user>>"}',
         bearer="<<attacker.access>>"), _MISFIT, "invalid_request"),
    Case("a session in a log-out", Ask("POST", "/logout", b'{"session_id": "<<victim.session>>"}',
         bearer="<<attacker.access>>"), _MISFIT, "invalid_request"),
    Case("an unknown scope of a log-out", Ask("POST", "/logout", b'{"scope": "everybody"}',
         bearer="<<attacker.access>>"), _MISFIT, "invalid_request"),
    Case("a list of scopes", Ask("POST", "/logout", b'{"scope": ["all"]}', bearer="<<attacker.access>>"), _MISFIT,
         "invalid_request"),
    Case("a scope of a log-out in capital letters", Ask("POST", "/logout", b'{"scope": "ALL"}',
         bearer="<<attacker.access>>"), _MISFIT, "invalid_request"),
    Case("a refresh token in a list", Ask("POST", "/refresh_jwt", b'{"refresh_token": ["<<attacker.refresh>>"]}'),
         _MISFIT, "invalid_request"),
    Case("a user in a refresh", Ask("POST", "/refresh_jwt",
         b'{"refresh_token": "<<attacker.refresh>>", "user_id": "<<victim.user>>"}'), _MISFIT, "invalid_request"),
)  # fmt: skip

CASES = (*_STRICT, *_SHAPES, *_UNKNOWN)
