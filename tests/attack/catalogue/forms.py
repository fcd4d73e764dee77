"""The form of the password grant (RFC 6749, section 4.3.2, and appendix B)."""

from tests.attack.case import MARKER, Ask, Case, any_of

_FORM = "application/x-www-form-urlencoded"
_400, _401, _415, _422 = any_of(400), any_of(401), any_of(415), any_of(422)


def _form(name: str, body: bytes, statuses: frozenset[int], code: str, path: str = "/login") -> Case:
    return Case(name, Ask("POST", path, body, media_type=_FORM), statuses, code)


CASES = (
    _form("a field twice", b"username=victim&username=attacker&password=x", _400, "invalid_form"),
    _form("a field twice, once encoded", b"username=a&user%6eame=b&password=x", _400, "invalid_form"),
    _form("a field twice with an empty value", b"username=a&password=x&password=", _400, "invalid_form"),
    _form("a field that is not ours twice", b"username=a&password=x&scope=a&scope=b", _400, "invalid_form"),
    _form("client credentials", b"grant_type=client_credentials&username=a&password=b", _400, "invalid_form"),
    _form("an unknown grant", b"grant_type=" + MARKER.encode() + b"&username=a&password=b", _400, "invalid_form"),
    _form("a refresh by a form", b"grant_type=refresh_token&refresh_token=<<attacker.refresh>>", _400,
          "invalid_form"),
    _form("bytes that are not UTF-8", b"username=%ff%fe&password=x", _400, "invalid_form"),
    _form("raw bytes beyond ASCII", "username=é&password=x".encode(), _400, "invalid_form"),
    _form("surrogates", b"username=%ed%a0%80&password=x", _400, "invalid_form"),
    _form("an escape that is none", b"username=%zz&password=x", any_of(400, 401), ""),
    _form("a name without a value", b"username&password=x", _400, "invalid_form"),
    _form("semicolons for ampersands", b"username=a;password=b", any_of(400, 422), ""),
    _form("brackets as in PHP", b"username[]=a&password[]=b", _422, "invalid_request"),
    _form("an operator in brackets", b"username[$ne]=&password[$ne]=", _422, "invalid_request"),
    _form("an empty form", b"", _422, "invalid_request"),
    _form("only ampersands", b"&" * 1000, any_of(400, 422), ""),
    _form("17 fields", b"username=a&password=b&" + b"&".join(b"f%d=1" % n for n in range(17)), _400, "invalid_form"),
    _form("5000 fields", b"&".join(b"a%d" % n for n in range(2000)), _400, "invalid_form"),
    _form("a NUL in a name", b"username=attacker%00&password=x", _401, "invalid_credentials"),
    _form("line breaks in a name", b"username=a%0d%0aX-Injected:%20y&password=x", _401, "invalid_credentials"),
    _form("a name that is too long", b"username=" + b"a" * 400 + b"&password=x", _422, "invalid_request"),
    _form("a password that is too long", b"username=a&password=" + b"a" * 4097, _422, "invalid_request"),
    _form("JSON in a form", b'{"username": "a", "password": "b"}', _400, "invalid_form"),
    Case("a login in the query", Ask("POST", "/login?username=attacker&password=<<attacker.password.quoted>>", b"",
         media_type=_FORM), _422, "invalid_request"),  # A085
    *(
        Case(f"a form to {method} {path}", Ask(method, path, b"refresh_token=x&scope=all&password=x",
             media_type=_FORM, bearer="<<attacker.access>>"), _415, "unsupported_media_type")
        for method, path in (
            ("POST", "/register"), ("POST", "/refresh_jwt"), ("POST", "/logout"), ("PATCH", "/user"),
            ("POST", "/user/password"), ("DELETE", "/user"),
        )
    ),
)  # fmt: skip
