"""Odd requests that are in order, and several on one connection, over real sockets."""

import pytest
from tests.server.wire import HOST, ask, connected, request

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)


# A091
@pytest.mark.parametrize(
    "method", [b"TRACE", b"CONNECT", b"OPTIONS", b"HEAD", b"PUT", b"PROPFIND", b"SOURCE"]
)
def test_a_method_that_is_not_documented_is_refused(port, method):
    with connected(port) as wire:
        wire.send(request(method + b" /user", b"X-HTTP-Method-Override: GET", b"X-Method-Override: GET"))
        answer = wire.answer(with_body=method != b"HEAD")
        assert answer.status == 405
        assert method == b"HEAD" or answer.code == "method_not_allowed"
        assert answer.headers["allow"] == "GET, PATCH, DELETE"


class TestSwitchingProtocols:
    @pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"TLS/1.0"])
    def test_is_not_done_and_what_follows_is_not_read(self, port, protocol):
        with connected(port) as wire:
            sent = request(b"GET /livez", b"Connection: Upgrade", b"Upgrade: " + protocol)
            wire.send(sent, request(b"GET /user"))
            answer = wire.answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            wire.assert_closed()


class TestSeveralRequestsAtOnce:
    def test_are_answered_in_order(self, port):
        with connected(port) as wire:
            wire.send(
                request(b"GET /livez"),
                request(b"GET /user"),
                request(b"GET /nothing"),
                request(b"GET /livez"),
            )
            assert [wire.answer().status for _ in range(4)] == [200, 401, 404, 200]

    def test_one_that_is_not_clear_takes_no_other_s_answer(self, port):
        with connected(port) as wire:
            wire.send(request(b"GET /livez"), request(b"GET /user"), b"garbage\r\n\r\n")
            assert [wire.answer().status, wire.answer().status] == [200, 401]
            wire.assert_closed()

    def test_nothing_is_read_after_a_wish_to_close(self, port):
        with connected(port) as wire:
            wire.send(request(b"GET /livez", b"Connection: close"), request(b"GET /livez"))
            assert wire.answer().status == 200
            wire.assert_closed()


class TestTargets:
    @pytest.mark.parametrize("host", [b"localhost", b"LOCALHOST", b"evil.example"])
    def test_a_host_in_the_target_counts_like_the_header(self, port, host):
        sent = b"GET http://" + host + b"/user HTTP/1.1\r\nHost: " + host.lower() + b"\r\n\r\n"
        answer, _ = ask(port, sent)
        assert answer.status == (421 if b"evil" in host else 401)

    @pytest.mark.parametrize(
        "path",
        [
            b"/x/../livez",
            b"/x/%2e%2e/livez",
            b"/..%2flivez",
            b"//livez",
            b"/./livez",
            b"/livez%00",
            b"/%zz",
            b"*",
        ],
    )
    def test_a_path_is_taken_as_it_is(self, port, path):
        answer, _ = ask(port, request(b"GET " + path))
        assert (answer.status, answer.code) == (404, "not_found")


# A094
@pytest.mark.parametrize(
    ("hosts", "status"),
    [(b"", 400), (HOST + HOST, 400), (b"Host:\r\n", 400), (b"Host: a?b\r\n", 400), (b"Host: evil\r\n", 421)],
    ids=["none", "two", "empty", "odd", "another"],
)
def test_the_host_is_checked_on_the_wire_too(port, hosts, status):
    answer, _ = ask(port, b"GET /user HTTP/1.1\r\n" + hosts + b"\r\n")
    assert answer.status == status
    assert answer.code == ("misdirected" if status == 421 else "invalid_host")
