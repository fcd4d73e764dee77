"""Requests that two readers could cut in two ways (RFC 9112, sections 6.1, 6.3, 7.1 and 11.2)."""

from tests.attack.case import HOST, Case, any_of

_REFUSED = any_of(400, 501)
_MENDED = any_of(200, 400, 401, 422)  # what the service says to a request that a proxy has put right
_LOGIN = b'{"username": "a", "password": "b"}'
_INSIDE = f"GET /problems HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
_JSON = b"Content-Type: application/json"


def _post(*lines: bytes, body: bytes = b"", end: bytes = b"\r\n") -> bytes:
    head = [b"POST /login HTTP/1.1", f"Host: {HOST}".encode(), _JSON, *lines]
    return end.join([*head, b"", b""]) + body


def _refused(name: str, *lines: bytes, body: bytes = b"0\r\n\r\n") -> Case:
    """A POST that must be refused, and end the connection: whatever follows is nobody's request."""
    sent = _post(*lines, body=body + _INSIDE)
    return Case(name, sent, _REFUSED, closes=True, mended=_MENDED)


_CL, _TE = b"Content-Length: 5", b"Transfer-Encoding: chunked"

# A098
_BOTH = (
    _refused("a length and chunks", _CL, _TE),
    _refused("chunks and a length", _TE, _CL),
    _refused("a length of nothing and chunks", b"Content-Length: 0", _TE),
    _refused("a length and chunks, after a body", _CL, _TE, body=b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"),
)

_ENCODINGS = (
    *(
        _refused(f"encoding: {name}", line)
        for name, line in (
            ("a space before the colon", b"Transfer-Encoding : chunked"),
            ("a tab before the colon", b"Transfer-Encoding\t: chunked"),
            ("an unknown one", b"Transfer-Encoding: xchunked"),
            ("identity", b"Transfer-Encoding: identity"),
            ("chunked, then identity", b"Transfer-Encoding: chunked, identity"),
            ("chunked twice", b"Transfer-Encoding: chunked, chunked"),
            ("gzip alone", b"Transfer-Encoding: gzip"),
            ("quotes", b'Transfer-Encoding: "chunked"'),
            ("a parameter", b"Transfer-Encoding: chunked;x=y"),
            ("nothing", b"Transfer-Encoding:"),
            ("a comma alone", b"Transfer-Encoding: ,"),
            ("a NUL", b"Transfer-Encoding: chunked\0"),
            ("a vertical tab", b"Transfer-Encoding: \x0bchunked"),
            ("a carriage return", b"Transfer-Encoding: \rchunked"),
            ("a letter of another script", "Transfer-Encoding: сhunked".encode()),
            ("a folded line", b"Transfer-Encoding:\r\n chunked"),
        )
    ),
    _refused("encoding: two lines that differ", _TE, b"Transfer-Encoding: identity"),
    _refused("encoding: two lines that differ, the other way", b"Transfer-Encoding: x", _TE),
    _refused("encoding: hidden in a folded line", b"X: y\r\n Transfer-Encoding: chunked", _CL, body=b"0\r\n\r\n"),
    _refused("encoding: gzip, then chunked", b"Transfer-Encoding: gzip, chunked"),
    Case("encoding: with HTTP/1.0", _post(_TE, body=b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0", 1), _REFUSED,
         closes=True),
)  # fmt: skip

_LENGTHS = (
    *(
        _refused(f"length: {name}", *lines, body=_LOGIN)
        for name, lines in (
            ("two that differ", (b"Content-Length: 34", b"Content-Length: 0")),
            ("a list that differs", (b"Content-Length: 34, 0",)),
            ("a plus", (b"Content-Length: +34",)),
            ("a minus", (b"Content-Length: -34",)),
            ("minus nothing", (b"Content-Length: -0",)),
            ("hexadecimal", (b"Content-Length: 0x22",)),
            ("a fraction", (b"Content-Length: 34.0",)),
            ("an exponent", (b"Content-Length: 34e0",)),
            ("a space inside", (b"Content-Length: 3 4",)),
            ("an underscore", (b"Content-Length: 3_4",)),
            ("a word", (b"Content-Length: many",)),
            ("nothing", (b"Content-Length:",)),
            ("a semicolon", (b"Content-Length: 34;",)),
            ("a space before the colon", (b"Content-Length : 34",)),
            ("digits of another script", ("Content-Length: ٣٤".encode(),)),
            ("a superscript", ("Content-Length: ²".encode(),)),
            ("2^64 and 34", (b"Content-Length: 18446744073709551650",)),
            ("a folded line", (b"Content-Length:\r\n 34",)),
            ("a vertical tab", (b"Content-Length: \x0b34",)),
        )
    ),
    Case("length: 2^63", _post(b"Content-Length: 9223372036854775808", body=_LOGIN), any_of(400, 413), closes=True),
    Case("length: two that agree", _post(b"Content-Length: 34", b"Content-Length: 34", body=_LOGIN),
         any_of(400), closes=True, mended=any_of(401)),
    Case("length: a list that agrees", _post(b"Content-Length: 34, 34", body=_LOGIN), any_of(400), closes=True,
         mended=any_of(401)),
    Case("length: too small", _post(b"Content-Length: 30", body=_LOGIN + _INSIDE), any_of(400), answers=2,
         may_hang_up=True, then="what follows is no request"),
    Case("length: nothing, and a request for a body", _post(b"Content-Length: 0", body=_INSIDE), any_of(400, 200),
         answers=2, then="what follows is a request of its own"),
    Case("length: a GET whose body is a request",
         b"GET /livez HTTP/1.1\r\nHost: auth.example.com\r\nContent-Length: %d\r\n\r\n" % len(_INSIDE) + _INSIDE,
         any_of(200, 400)),
    Case("length: with an underscore in the name", _post(b"Content_Length: 0", b"Content-Length: 34", body=_LOGIN),
         any_of(401, 400)),
    Case("encoding: with an underscore in the name",
         _post(b"Transfer_Encoding: chunked", b"Content-Length: 34", body=_LOGIN), any_of(401, 400)),
)  # fmt: skip

_CHUNKS = (
    *(
        _refused(f"chunk: {name}", _TE, body=body)
        for name, body in (
            ("a size that is no number", b"zz\r\nabc\r\n0\r\n\r\n"),
            ("a minus", b"-1\r\nabc\r\n0\r\n\r\n"),
            ("a plus", b"+3\r\nabc\r\n0\r\n\r\n"),
            ("0x", b"0x3\r\nabc\r\n0\r\n\r\n"),
            ("an underscore", b"0_3\r\nabc\r\n0\r\n\r\n"),
            ("a space before", b" 3\r\nabc\r\n0\r\n\r\n"),
            ("a space inside", b"0 3\r\nabc\r\n0\r\n\r\n"),
            ("no size", b"\r\nabc\r\n0\r\n\r\n"),
            ("2^64 and 3", b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
            ("no line end after the data", b"3\r\nabc0\r\n\r\n"),
            ("two bytes that are no line end", b"3\r\nabcXX0\r\n\r\n"),
            ("data longer than its size", b"2\r\nabc\r\n0\r\n\r\n"),
            ("a bare line feed after the size", b"3\nabc\r\n0\r\n\r\n"),
            ("a bare line feed after the data", b"3\r\nabc\n0\r\n\r\n"),
            ("a bare carriage return after the size", b"3\rabc\r\n0\r\n\r\n"),
            ("a line feed in an extension", b"3;a\nb\r\nabc\r\n0\r\n\r\n"),
            ("a NUL in an extension", b"3;a\0b\r\nabc\r\n0\r\n\r\n"),
        )
    ),
    Case("chunk: an extension of 100 KB", _post(_TE, body=b"3;" + b"x" * 100_000 + b"\r\nabc\r\n0\r\n\r\n"),
         any_of(400, 413, 431)),
    Case("chunk: zeros before a size", _post(_TE, body=b"0" * 5000 + b"3\r\nabc\r\n0\r\n\r\n"), any_of(400, 413)),
    Case("chunk: 100 KB of trailers", _post(_TE, body=b"0\r\n" + b"X: y\r\n" * 17_000 + b"\r\n"),
         any_of(400, 413, 431), may_hang_up=True),
    Case("chunk: a trailer with a length", _post(_TE, body=b"0\r\nContent-Length: 60\r\n\r\n"), any_of(400)),
    Case("chunk: a trailer with another host", _post(_TE, body=b"0\r\nHost: evil.example\r\n\r\n"), any_of(400)),
)  # fmt: skip

_LINES = (
    Case("lines that end in line feeds", b"GET /user HTTP/1.1\nHost: auth.example.com\n\n", any_of(400), closes=True,
         mended=any_of(401)),
    Case("one line that ends in a line feed", b"GET /user HTTP/1.1\r\nX: y\nHost: auth.example.com\r\n\r\n",
         any_of(400), closes=True, mended=any_of(401)),
    Case("lines that end in carriage returns", b"GET /user HTTP/1.1\rHost: auth.example.com\r\r", any_of(400),
         may_hang_up=True, half_close=True),
    Case("a head that ends in line feeds", b"GET /user HTTP/1.1\r\nHost: auth.example.com\r\n\n", any_of(400),
         closes=True, mended=any_of(401)),
    Case("an empty line before the request", b"\r\nGET /user HTTP/1.1\r\nHost: auth.example.com\r\n\r\n",
         any_of(401, 400)),
    Case("a thousand empty lines before the request",
         b"\r\n" * 1000 + b"GET /user HTTP/1.1\r\nHost: auth.example.com\r\n\r\n", any_of(401, 400)),
    Case("a request after an answer that ends the connection",
         b"GET /user HTTP/1.1\r\nHost: auth.example.com\r\nConnection: close\r\n\r\n" + _INSIDE, any_of(401),
         closes=True),
    Case("a request after HTTP/1.0", b"GET /user HTTP/1.0\r\nHost: auth.example.com\r\n\r\n" + _INSIDE, any_of(401),
         closes=True),
    Case("a hundred requests at once", b"GET /user HTTP/1.1\r\nHost: auth.example.com\r\n\r\n" * 100, any_of(401),
         answers=100),
    Case("garbage after a good request",
         b"GET /user HTTP/1.1\r\nHost: auth.example.com\r\n\r\n\0\1\2\3 nothing\r\n\r\n", any_of(400, 401), answers=2,
         may_hang_up=True),
    Case("an upgrade and a request inside",
         b"GET /livez HTTP/1.1\r\nHost: auth.example.com\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n" + _INSIDE,
         any_of(200, 400), answers=2, may_hang_up=True),
)  # fmt: skip

CASES = (*_BOTH, *_ENCODINGS, *_LENGTHS, *_CHUNKS, *_LINES)
