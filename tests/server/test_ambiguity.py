"""What two readers could understand differently is refused, over real sockets (RFC 9112, section 11.2)."""

import pytest
from tests.cli.running import Running
from tests.server.wire import CHUNKED, HOST, ask, chunks, post, request

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)

CANARY = b"zq9canary"

AMBIGUOUS = {
    "length and chunks": post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"),
    "chunks and length": post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"),
    "two lengths": post(b"Content-Length: 2", b"Content-Length: 3", body=b"{}"),
    "the same length twice": post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}"),
    "a list of lengths": post(b"Content-Length: 2, 2", body=b"{}"),
    "a length with a sign": post(b"Content-Length: +2", body=b"{}"),
    "a negative length": post(b"Content-Length: -2", body=b"{}"),
    "a hexadecimal length": post(b"Content-Length: 0x2", body=b"{}"),
    "an empty length": post(b"Content-Length: ", body=b"{}"),
    "a length beyond 64 bits": post(b"Content-Length: 18446744073709551618", body=b"{}"),
    "a length in parts": post(b"Content-Length: 1 2", body=b"{}"),
    "a space before the colon": post(b"Content-Length : 2", body=b"{}"),
    "a space before the colon of chunks": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "chunks that are none": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunks twice": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "chunks twice in a line": post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "chunks and something": post(CHUNKED, b"Transfer-Encoding: x", body=b"0\r\n\r\n"),
    "something and chunks": post(b"Transfer-Encoding: x", CHUNKED, body=b"0\r\n\r\n"),
    "packed chunks": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunks, then packed": post(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "identity": post(b"Transfer-Encoding: identity", body=b"{}"),
    "chunks behind a vertical tab": post(b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n"),
    "chunks with a tab behind": post(b"Transfer-Encoding: chunked\t ", body=b"0\r\n\r\n"),
    "chunks in quotes": post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"),
    "chunks with a parameter": post(b"Transfer-Encoding: chunked;a=b", body=b"0\r\n\r\n"),
    "no encoding at all": post(b"Transfer-Encoding: ", body=b"0\r\n\r\n"),
    "chunks in HTTP/1.0": chunks(b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a folded encoding": post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"),
    "a folded header": request(b"GET /livez", b"X-A: b\r\n c"),
    "a first line that is folded": b"GET /livez HTTP/1.1\r\n X-A: b\r\n" + HOST + b"\r\n",
    "bare LF everywhere": b"GET /livez HTTP/1.1\nHost: localhost\n\n",
    "bare LF after the request line": b"GET /livez HTTP/1.1\n" + HOST + b"\r\n",
    "bare LF after a header": b"GET /livez HTTP/1.1\r\nX-A: b\n" + HOST + b"\r\n",
    "bare LF at the end": b"GET /livez HTTP/1.1\r\n" + HOST + b"\n",
    "bare CR in a header": request(b"GET /livez", b"X-A: b\rc"),
    "bare CR after a header": b"GET /livez HTTP/1.1\r\nX-A: b\r" + HOST + b"\r\n",
    "NUL in a header": request(b"GET /livez", b"X-A: b\x00c"),
    "NUL in a name": request(b"GET /livez", b"X-\x00A: b"),
    "NUL in the path": request(b"GET /li\x00vez"),
    "a control character in a header": request(b"GET /livez", b"X-A: b\x01c"),
    "a control character in the path": request(b"GET /li\x7fvez"),
    "a header without a colon": request(b"GET /livez", b"X-A"),
    "a header without a name": request(b"GET /livez", b": b"),
    "a space in a name": request(b"GET /livez", b"X A: b"),
    "a chunk of no number": chunks(b"zz\r\n\r\n"),
    "a negative chunk": chunks(b"-1\r\n\r\n"),
    "a chunk with a prefix": chunks(b"0x2\r\n{}\r\n0\r\n\r\n"),
    "a chunk beyond 64 bits": chunks(b"fffffffffffffffff\r\n"),
    "bare LF after a chunk's size": chunks(b"2\n{}\r\n0\r\n\r\n"),
    "bare LF after a chunk": chunks(b"2\r\n{}\n0\r\n\r\n"),
    "bare LF in a chunk's extension": chunks(b"2;a\nb\r\n{}\r\n0\r\n\r\n"),
    "a space after a chunk's size": chunks(b"2 \r\n{}\r\n0\r\n\r\n"),
    "chunks that run together": chunks(b"2\r\n{}0\r\n\r\n"),
    "a header after the body": chunks(b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n"),
    "a length after the body": chunks(b"2\r\n{}\r\n0\r\nContent-Length: 7\r\n\r\n"),
    "no version": b"GET /livez\r\n\r\n",
    "HTTP/1.2": request(b"GET /livez").replace(b"HTTP/1.1", b"HTTP/1.2"),
    "HTTP/2.0": request(b"GET /livez").replace(b"HTTP/1.1", b"HTTP/2.0"),
    "HTTP/2 from the start": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http in small letters": request(b"GET /livez").replace(b"HTTP/1.1", b"http/1.1"),
    "a tab between the parts": request(b"GET /livez").replace(b" ", b"\t", 2),
    "a space in front": b" " + request(b"GET /livez"),
    "a small method": request(b"get /livez"),
    "an unknown method": request(b"FOO /livez"),
    "a method of another protocol": request(b"DESCRIBE /livez"),
    "CONNECT to a host": request(b"CONNECT evil.example:443"),
    "a path without a slash": request(b"GET livez"),
    "an encoded slash in front": request(b"GET %2flivez"),
    "a backslash in front": request(b"GET \\livez"),
    "a query alone": request(b"GET ?x"),
    "bytes above ASCII in the path": request(b"GET /\xc3\xa9"),
    "a fragment": request(b"GET /livez#x"),
    "another host in the target": request(b"GET http://evil.example/livez"),
    "another host before an @": request(b"GET http://localhost@evil.example/livez"),
    "a body after a switch of protocols": post(
        b"Connection: upgrade", b"Upgrade: h2c", b"Content-Length: 2", body=b"{}"
    ),
    "chunks after a switch of protocols": post(
        b"Connection: upgrade", b"Upgrade: h2c", CHUNKED, body=b"0\r\n\r\n"
    ),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
}  # fmt: skip


# A086, A098
@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_is_not_clear_is_refused_and_the_connection_closed(port, sent):
    answer, goes_on = ask(port, sent + request(b"GET /livez"))
    assert (answer.status, answer.code) == (400, "malformed_http")
    assert not goes_on


# A098
@pytest.mark.parametrize(
    "sent",
    [
        chunks(b"2\r\n{}\r\n0\r\n\r\n"),
        chunks(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"),
        chunks(b"02;name=value\r\n{}\r\n0\r\n\r\n"),
        post(b"Transfer-Encoding: CHUNKED", body=b"2\r\n{}\r\n0\r\n\r\n"),
        post(b"Content-Length: 2", body=b"{}"),
        post(b"Content-Length: 002", body=b"{}"),
        post(b"content-length:2", body=b"{}"),
        b"\r\n" + post(b"Content-Length: 2", body=b"{}"),
    ],
    ids=[
        "a chunk",
        "chunks",
        "an extension",
        "capitals",
        "a length",
        "zeros",
        "no space",
        "an empty line first",
    ],
)
def test_what_is_clear_is_read(port, sent):
    answer, goes_on = ask(port, sent)
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert goes_on


# A087
def test_nothing_of_it_is_repeated_or_logged(port, serving: Running):
    for sent in (
        b"GET /" + CANARY + b"\n\n",
        request(b"GET /x", CANARY + b"\x00: " + CANARY),
        CANARY + b"\r\n\r\n",
    ):
        answer, _ = ask(port, sent)
        assert CANARY not in answer.body
        assert CANARY.decode() not in str(answer.headers)
    assert CANARY.decode() not in serving.said
