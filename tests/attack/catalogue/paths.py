"""Request lines: targets that are none, that are somebody else's, or too long; methods; versions."""

from tests.attack.case import HOST, MARKER, Ask, Case, any_of

_REFUSED = any_of(400)
_NOT_FOUND = any_of(404)
_TAIL = f" HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def _line(name: str, line: bytes, statuses: frozenset[int] = _REFUSED, **more: object) -> Case:
    """A request line, sent as it stands."""
    return Case(name, line + f"\r\nHost: {HOST}\r\n\r\n".encode(), statuses, **more)  # type: ignore[arg-type]


def _get(name: str, target: str | bytes, statuses: frozenset[int] = _NOT_FOUND, **more: object) -> Case:
    """A GET of a target that may hold any bytes."""
    raw = target.encode() if isinstance(target, str) else target
    return Case(name, b"GET " + raw + _TAIL, statuses, **more)  # type: ignore[arg-type]


_TRAILING = tuple(  # A094: no redirect
    Case(f"a slash after {path}", Ask(method, f"{path}/"), _NOT_FOUND, "not_found")
    for method, path in (
        ("POST", "/register"), ("POST", "/login"), ("POST", "/refresh_jwt"), ("POST", "/logout"),
        ("GET", "/user"), ("GET", "/sessions"), ("GET", "/livez"), ("GET", "/.well-known/jwks.json"),
    )
)  # fmt: skip

_TARGETS = (  # A087, A091, A094, A095
    _get("a double slash before a path", "//user"),
    _get("a path that looks like a host", "//evil.example/user"),
    _get("a dot segment", "/./user", any_of(404, 400), mended=any_of(401)),
    _get("a dot-dot segment", "/problems/../user", any_of(404, 400), mended=any_of(401)),
    _get("dot-dot beyond the root", "/../../../../etc/passwd", any_of(404, 400)),
    _get("encoded dot-dot", "/static/%2e%2e%2f%2e%2e%2fsettings.py", any_of(404, 400)),
    _get("twice encoded dot-dot", "/static/%252e%252e%252fsettings.py"),
    _get("backslashes", "/static\\..\\..\\settings.py", any_of(404, 400)),
    _get("an encoded backslash", "/static/..%5c..%5csettings.py"),
    _get("overlong UTF-8 dots", "/static/%c0%ae%c0%ae/settings.py", any_of(404, 400)),
    _get("an absolute path after the folder", "/static//etc/passwd", any_of(404)),
    _get("an encoded letter in a guarded path", "/%75ser", any_of(401, 404)),
    _get("an encoded slash in a guarded path", "/user%2Fpassword", any_of(401, 404, 405)),
    _get("an encoded NUL after a guarded path", "/user%00", any_of(404, 400)),
    _get("an encoded line break in a path", "/user%0d%0aX-Injected:%20yes", any_of(404, 400)),
    _get("an encoded question mark", "/livez%3f", any_of(404, 400)),
    _get("a matrix parameter", "/user;x=1"),
    _get("an extension", "/user.json"),
    _get("capital letters", "/USER"),
    _get("a fragment", "/user#x", any_of(400, 401, 404)),
    _get("a percent sign without digits", "/%zz%", any_of(400, 404)),
    _get("a UTF-16 escape", "/%u0075ser", any_of(400, 404)),
    _get("raw UTF-8 in a path", "/üser", any_of(400, 404)),
    _get("raw Latin-1 in a path", b"/\xfcser", any_of(400, 404)),
    _get("a raw NUL in a path", b"/us\0er", _REFUSED),
    _get("a raw ESC in a path", b"/us\x1b[31mer", any_of(400, 404)),  # A102
    _get("a raw DEL in a path", b"/us\x7fer", any_of(400, 404)),
    _get("direction marks in a path", "/%e2%80%ae%e2%80%a8user"),  # A102
    _get("a space in a path", "/us er", _REFUSED),
    _get("a tab in a path", b"/us\ter", any_of(400, 404)),
    _get("a template in a path", "/${jndi:ldap://x}/%7b%7b7*7%7d%7d", any_of(400, 404)),
    _get("a script as the code of a problem", f"/problems/%3cscript%3e{MARKER}", _NOT_FOUND),
    _get("the code of a problem as a path", "/problems/..%2f..%2fuser"),
    _get("an empty code of a problem", "/problems/"),
    _get("the marker as a path", f"/{MARKER}", _NOT_FOUND, code="not_found"),
    _get("8 KiB of a target", "/" + "x" * 8000, any_of(404)),  # A093
    _get("9 KiB of a target", "/" + "x" * 9216, any_of(414), closes=True, mended=any_of(400, 431)),
    _get("9 KiB of a query", "/livez?" + "x" * 9216, any_of(414), closes=True, mended=any_of(400, 431)),
    _get("1 MiB of a target", "/" + "x" * 2**20, any_of(414), closes=True, may_hang_up=True,
         mended=any_of(400, 431)),
    _get("2000 slashes", "/" * 2000),
    _get("500 dot-dots", "/" + "../" * 500, any_of(400, 404)),
    _get("a thousand parameters", "/user?" + "&".join(f"a{n}=1" for n in range(1000)), any_of(401)),
    _get("no target", b"", _REFUSED),
    _get("a target without a slash", "user", _REFUSED),
    _get("a target that is a query", "?user", any_of(400, 404)),
    _get("an absolute target of another host", "http://evil.example/user", any_of(400, 401, 404, 421)),
    _get("an absolute target of this host", f"http://{HOST}/user", any_of(400, 401, 404)),
    _get("an absolute target with credentials", f"http://a:b@{HOST}/user", any_of(400, 401, 404, 421)),
    _get("an absolute target of a file", "file:///etc/passwd", any_of(400, 404, 421)),
    _get("an authority as a target", f"{HOST}:443", any_of(400, 404, 405)),
    _get("an asterisk as a target", "*", any_of(400, 404)),
)  # fmt: skip

_HIDDEN = tuple(  # A099
    _get(f"{path} is not there", path)
    for path in (
        "/docs", "/openapi.json", "/redoc", "/metrics", "/debug", "/.env", "/.git/config", "/server-status",
        "/actuator/env", "/static/", "/static/..", "/docs/swagger-ui.css",
    )
)  # fmt: skip

_METHODS = (  # A091
    Case("TRACE", Ask("TRACE", "/user"), any_of(405, 400, 501)),
    Case("TRACE with a secret header", Ask("TRACE", "/livez", bearer=MARKER), any_of(405, 400, 501)),
    Case("CONNECT to a path", Ask("CONNECT", "/user"), any_of(400, 404, 405, 501), closes=False),
    _line("CONNECT to another host", b"CONNECT evil.example:443 HTTP/1.1", any_of(400, 404, 405, 501)),
    Case("OPTIONS of a path", Ask("OPTIONS", "/user"), any_of(405)),
    _line("OPTIONS of everything", b"OPTIONS * HTTP/1.1", any_of(400, 404, 405)),
    Case("HEAD of a guarded path", Ask("HEAD", "/user"), any_of(401, 405)),
    Case("HEAD of a path that takes POST", Ask("HEAD", "/login"), any_of(405)),
    Case("PUT", Ask("PUT", "/user", b"{}"), any_of(405), "method_not_allowed"),
    Case("GET of /login", Ask("GET", "/login?username=a&password=b"), any_of(405), "method_not_allowed"),
    Case("GET of /logout", Ask("GET", "/logout", bearer="<<attacker.access>>"), any_of(405)),
    Case("POST of /user", Ask("POST", "/user", b"{}"), any_of(405), "method_not_allowed"),
    Case("PROPFIND", Ask("PROPFIND", "/user"), any_of(405, 400, 501)),
    Case("a method in small letters", Ask("get", "/user"), any_of(400, 405, 501)),
    Case("a method that nobody knows", Ask("FROBNICATE", "/user"), any_of(400, 405, 501)),
    Case("a method of 10 000 letters", Ask("G" * 10_000, "/user"), any_of(400, 405, 414, 431, 501)),
    Case("a method with a colon", Ask("GE:T", "/user"), any_of(400, 405, 501)),
    _line("no method", b" /user HTTP/1.1"),
    _line("a NUL in a method", b"GE\0T /user HTTP/1.1"),
    *(
        Case(f"{name} turns a GET into no DELETE",  # A091
             Ask("GET", "/user", headers=(f"{name}: DELETE",), bearer="<<attacker.access>>"), any_of(200),
             may_say=True)
        for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
    ),
    Case("_method in a query", Ask("GET", "/user?_method=DELETE", bearer="<<attacker.access>>"), any_of(200),
         may_say=True),
)  # fmt: skip

_VERSIONS = (
    _line("HTTP/0.9", b"GET /user", _REFUSED, may_hang_up=True, not_behind=("nginx", "haproxy")),
    _line("HTTP/1.0 with a guarded path", b"GET /user HTTP/1.0", any_of(401)),
    _line("HTTP/1.2", b"GET /user HTTP/1.2", any_of(400, 505), mended=any_of(401)),
    _line("HTTP/2.0 in text", b"GET /user HTTP/2.0", any_of(400, 505), mended=any_of(401)),
    _line("HTTP/9.9", b"GET /user HTTP/9.9", any_of(400, 505), mended=any_of(401)),
    _line("a version with many digits", b"GET /user HTTP/1.11111111111", any_of(400, 505)),
    # The parser takes RTSP/1.0 for HTTP/1.0, which opens nothing: it is a request without a token.
    _line("a version of another protocol", b"GET /user RTSP/1.0", any_of(400, 401, 505)),
    _line("a version in small letters", b"GET /user http/1.1", any_of(400, 505)),
    _line("two spaces before the version", b"GET /user  HTTP/1.1", any_of(400, 401)),  # RFC 9112, section 3
    _line("a word after the version", b"GET /user HTTP/1.1 x"),
    _line("a tab for the space", b"GET\t/user\tHTTP/1.1", mended=any_of(401)),
    Case("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", any_of(400, 405, 505),
         may_hang_up=True, not_behind=("nginx", "haproxy")),
    Case("a handshake of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200, _REFUSED,
         may_hang_up=True),
    Case("bytes that are nothing", bytes(range(256)) * 4, _REFUSED, may_hang_up=True),
    Case("a thousand NULs", b"\0" * 1000, _REFUSED, may_hang_up=True),
    Case("a command of another protocol", b"*1\r\n$8\r\nFLUSHALL\r\n", _REFUSED, may_hang_up=True),
    Case("a greeting of mail", b"EHLO evil.example\r\nMAIL FROM:<a@b>\r\n", _REFUSED, may_hang_up=True),
    Case("a line from PROXY protocol", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /user" + _TAIL, _REFUSED,
         may_hang_up=True),
)  # fmt: skip

CASES = (*_TRAILING, *_TARGETS, *_HIDDEN, *_METHODS, *_VERSIONS)
