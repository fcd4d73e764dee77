"""Clients that take their time: a head within 10 s, a body within 15 s, an idle connection 5 s (A097)."""

from tests.attack.case import HOST, Ask, Case, any_of

_CUT = any_of(408, 400)
_HEAD = f"GET /user HTTP/1.1\r\nHost: {HOST}\r\n".encode()
_POST = f"POST /login HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n".encode()
_PAUSES = ("nginx",)  # it limits the pause between two reads, and not the whole
_GRACE = 5.0  # a proxy may wait for its own limit first


def _slow(name: str, *pieces: bytes, within: float, pause: float = 1.0, **more: object) -> Case:
    return Case(name, pieces, _CUT, may_hang_up=True, within=within + _GRACE, pause=pause, **more)  # type: ignore[arg-type]


CASES = (
    _slow("not a byte", within=10.0),
    _slow("one byte", b"G", within=10.0),
    _slow("a head without an end", _HEAD, within=10.0),
    _slow("a head, a byte a second", *(bytes([byte]) for byte in _HEAD), within=10.0),
    _slow("a head, a line a second", _HEAD, *(b"X-%d: x\r\n" % n for n in range(40)), within=10.0),
    _slow("empty lines for a request", *[b"\r\n"] * 40, within=10.0),
    _slow("a body that never comes", _POST + b"Content-Length: 34\r\n\r\n", within=15.0),
    _slow("a body, a byte a second", _POST + b"Content-Length: 40\r\n\r\n", *[b" "] * 40, within=15.0, not_behind=_PAUSES),
    _slow("a body that is asked for and never comes", _POST + b"Content-Length: 34\r\nExpect: 100-continue\r\n\r\n",
          within=15.0),
    _slow("chunks, one a second", _POST + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 40, within=15.0, not_behind=_PAUSES),
    _slow("the size of a chunk, a digit a second", _POST + b"Transfer-Encoding: chunked\r\n\r\n", *[b"0"] * 40,
          within=15.0, not_behind=_PAUSES),
    _slow("a chunk's extension, a letter a second", _POST + b"Transfer-Encoding: chunked\r\n\r\n1;", *[b"x"] * 40,
          within=15.0, not_behind=_PAUSES),
    _slow("trailers, one a second", _POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", *[b"X: y\r\n"] * 40,
          within=15.0, not_behind=_PAUSES),
    Case("a connection that idles after an answer", Ask("GET", "/user"), any_of(401), closes=True,
         linger=20.0),
    Case("a client that closes its half after the head", _HEAD + b"\r\n", any_of(401), half_close=True, not_behind=("nginx", "haproxy"),
         may_hang_up=True),
    Case("a client that closes its half before the body", _POST + b"Content-Length: 34\r\n\r\n", _CUT,
         half_close=True, not_behind=("nginx", "haproxy"), may_hang_up=True),
    Case("a client that closes its half in a head", _HEAD, _CUT, half_close=True, not_behind=("nginx", "haproxy"), may_hang_up=True),
)  # fmt: skip
