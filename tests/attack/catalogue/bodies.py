"""Bodies: too large, of another kind, encoded, or where none is asked for."""

import gzip

from tests.attack.case import HOST, MARKER, Ask, Case, any_of

_LOGIN = b'{"username": "attacker", "password": "wrong horse battery"}'
_415 = any_of(415)
_401 = any_of(401)


def _head(target: str, *lines: str) -> bytes:
    return "\r\n".join([f"POST {target} HTTP/1.1", f"Host: {HOST}", *lines, "", ""]).encode()


def _chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


_JSON = "Content-Type: application/json"
_CHUNKED = "Transfer-Encoding: chunked"

_TOO_LARGE = (  # A093
    *(
        Case(f"16 KiB and a byte to {method} {path}", Ask(method, path, b" " * 16_385, bearer=bearer),
             any_of(413), "" if path == "/user" else "body_too_large")
        for method, path, bearer in (
            ("POST", "/register", None), ("POST", "/login", None), ("POST", "/refresh_jwt", None),
            ("POST", "/logout", "<<attacker.access>>"), ("PATCH", "/user", "<<attacker.access>>"),
            ("POST", "/user/password", "<<attacker.access>>"), ("DELETE", "/user", "<<attacker.access>>"),
        )
    ),
    Case("5 MB of JSON", Ask("POST", "/login", b"[" + b"0," * 2_500_000 + b"0]"), any_of(413)),
    Case("5 GB that are only announced", _head("/login", _JSON, "Content-Length: 5368709120"), any_of(413)),
    Case("20 digits of length", _head("/login", _JSON, "Content-Length: 99999999999999999999"),
         any_of(400, 413)),
    Case("17 KiB in chunks", _head("/login", _JSON, _CHUNKED) + _chunked(*[b" " * 1024] * 17) + b"0\r\n\r\n",
         any_of(413)),
    Case("17 KiB in chunks of one byte",
         _head("/login", _JSON, _CHUNKED) + _chunked(*[b" "] * 17_408) + b"0\r\n\r\n", any_of(413)),
    Case("one chunk that announces 4 GB", _head("/login", _JSON, _CHUNKED) + b"ffffffff\r\n" + b" " * 20_000,
         any_of(413, 400)),
    Case("16 KiB exactly is read", Ask("POST", "/login", _LOGIN + b" " * (16_384 - len(_LOGIN))), _401,
         "invalid_credentials"),
    Case("a form of 17 KiB", Ask("POST", "/login", b"username=a&password=" + b"x" * 17_408,
         media_type="application/x-www-form-urlencoded"), any_of(413)),
)  # fmt: skip

_KINDS = (  # A067, A092
    *(
        Case(f"a login as {media_type}", Ask("POST", "/login", _LOGIN, media_type=media_type), _415,
             "unsupported_media_type")
        for media_type in (
            "", "text/plain", "text/json", "application/jsonp", "application/json; charset=utf-16",
            "application/json; charset=latin-1", "application/json; x=y", "application/json,text/plain",
            "application/problem+json", "application/*", "*/*", "multipart/form-data; boundary=x",
            f"{MARKER}/{MARKER}", "application/json\u00a0", "application/merge-patch+json",
        )
    ),
    Case("a login of no kind", Ask("POST", "/login", _LOGIN, media_type=None), _415),
    Case("a login of two kinds", Ask("POST", "/login", _LOGIN, headers=("Content-Type: text/plain",)), _415),
    Case("a registration by a form of another site",  # A067
         Ask("POST", "/register", b'{"username": "csrf", "password": "a lantern over water", "x": "="}',
             headers=("Origin: https://evil.example", "Sec-Fetch-Site: cross-site"), media_type="text/plain"),
         any_of(415, 403)),
    Case("a log-out by a form of another site", Ask(
        "POST", "/logout", b"scope=all", headers=("Origin: https://evil.example",),
        media_type="application/x-www-form-urlencoded", bearer="<<attacker.access>>"), any_of(415, 403)),
    Case("XML with an entity", Ask(
        "POST", "/login", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        media_type="application/xml"), _415),
    Case("XML that says it is JSON", Ask("POST", "/login", b"<a/>"), any_of(400), "invalid_json"),
    Case("a pickle", Ask("POST", "/login", b"\x80\x04cos\nsystem\n.", media_type="application/x-pickle"), _415),
    Case("YAML with an object", Ask("POST", "/login", b"!!python/object/apply:os.system [x]",
         media_type="application/yaml"), _415),
    Case("multipart with a file", Ask(
        "POST", "/login", b'--x\r\nContent-Disposition: form-data; name="username"; filename="../x"\r\n\r\na\r\n'
        b"--x--\r\n", media_type="multipart/form-data; boundary=x"), _415),
    Case("multipart without an end", Ask(
        "POST", "/register", b"--" + b"x" * 8000, media_type="multipart/form-data; boundary=" + "x" * 4000), _415),
)  # fmt: skip

_CODED = (
    *(
        Case(f"a body in {coding}", Ask("POST", "/login", gzip.compress(_LOGIN),
             headers=(f"Content-Encoding: {coding}",)), _415, "unsupported_media_type")
        for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", MARKER)
    ),
    Case("a bomb in gzip", Ask("POST", "/login", gzip.compress(b" " * 10_000_000),
         headers=("Content-Encoding: gzip",)), _415),
    Case("gzip that says nothing", Ask("POST", "/login", gzip.compress(_LOGIN)), any_of(400), "invalid_json"),
    Case("Content-Encoding twice", Ask("POST", "/login", _LOGIN,
         headers=("Content-Encoding: identity", "Content-Encoding: gzip")), _415),
)  # fmt: skip

_UNASKED = (
    Case("a body of a GET", Ask("GET", "/user", b'{"id": 1}', bearer="<<attacker.access>>"), any_of(200, 400),
         may_say=True),
    Case("a body of a GET in chunks", b"GET /livez HTTP/1.1\r\nHost: auth.example.com\r\nTransfer-Encoding: "
         b"chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", any_of(200, 400)),
    Case("a body for an ended session", Ask("DELETE", "/sessions/x", b"{}", bearer="<<attacker.access>>"),
         any_of(404)),
    Case("a body where the path is unknown", Ask("POST", "/nothing", b"x" * 10_000), any_of(404)),
    Case("a body for a method that is not taken", Ask("PUT", "/user", b"x" * 10_000), any_of(405)),
    Case("a large body where the path is unknown", Ask("POST", "/nothing", b"x" * 300_000), any_of(404, 413)),
    Case("no body where one is asked for", Ask("POST", "/login", b""), any_of(400), "invalid_json"),
    Case("no body and no length", _head("/login", _JSON), any_of(400, 411), "invalid_json"),
    Case("a body that waits to be asked for", _head("/login", _JSON, "Content-Length: 99999999",
         "Expect: 100-continue"), any_of(413)),
    Case("an empty body in chunks", _head("/login", _JSON, _CHUNKED) + b"0\r\n\r\n", any_of(400)),
    Case("trailers after a body", _head("/login", _JSON, _CHUNKED, "Trailer: Authorization")
         + _chunked(_LOGIN) + b"0\r\nAuthorization: Bearer <<attacker.access>>\r\n\r\n", any_of(400, 401)),
)  # fmt: skip

CASES = (*_TOO_LARGE, *_KINDS, *_CODED, *_UNASKED)
