"""How much may be sent, over real sockets."""

import re
from pathlib import Path

import pytest
from tests.cli.running import Running
from tests.server.wire import HOST, ask, chunks, connected, post, request

from authsvc.server import limits

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)

LARGEST = b"A: " + b"b" * (limits.HEADER_BLOCK - len(HOST) - len(b"A: \r\n"))
"""The largest header that may stand beside the Host."""


# A093
class TestTheHead:
    @pytest.mark.parametrize(
        ("sent", "status", "code"),
        [
            (request(b"GET /" + b"a" * (limits.TARGET - 1)), 404, "not_found"),
            (request(b"GET /" + b"a" * limits.TARGET), 414, "target_too_long"),
            (request(b"GET /livez?" + b"a" * limits.TARGET), 414, "target_too_long"),
            (request(b"GET /user", *[b"A: b"] * (limits.HEADER_LINES - 1)), 401, "not_authenticated"),
            (request(b"GET /user", *[b"A: b"] * limits.HEADER_LINES), 431, "headers_too_large"),
            (request(b"GET /user", LARGEST), 401, "not_authenticated"),
            (request(b"GET /user", LARGEST + b"b"), 431, "headers_too_large"),
            (request(b"GET /user", b"Authorization: Bearer " + LARGEST), 431, "headers_too_large"),
            (request(b"GET /user", b"Cookie: " + b"x" * 50_000), 431, "headers_too_large"),
            (request(b"GET /" + b"a" * (limits.TARGET - 1), LARGEST), 404, "not_found"),
        ],
        ids=[
            "the longest target", "a longer one", "a longer query", "100 lines", "101 lines", "16 KiB",
            "a byte more",            "a large token", "large cookies", "everything at its limit",
        ],
    )  # fmt: skip
    def test_it_has_its_limits(self, port, sent, status, code):
        answer, goes_on = ask(port, sent)
        assert (answer.status, answer.code) == (status, code)
        assert goes_on is (status not in {414, 431})

    @pytest.mark.parametrize(
        ("begin", "more", "status"),
        [
            (b"GET /", b"a" * 65536, 414),
            (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a" * 65536, 431),
            (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n", b"A: b\r\n" * 10_000, 431),
            (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n", b"A" * 65536, 431),
            (
                b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ",
                b"a" * 65536,
                413,
            ),
            (
                b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;",
                b"a" * 65536,
                413,
            ),
        ],
        ids=["target", "header", "lines", "name", "after the body", "extension"],
    )
    def test_one_without_an_end_is_refused_without_being_kept(
        self, port, serving: Running, begin, more, status
    ):
        before = memory(serving)
        with connected(port) as wire:
            wire.send(begin)
            sent = wire.send_while_possible(more, 30_000_000)
            if sent == 30_000_000:  # what fits into the system's buffers may be much
                assert wire.answer().status == status
        assert memory(serving) - before < 8_000_000

    def test_the_refusal_comes_before_the_rest_is_sent(self, port):
        with connected(port) as wire:
            wire.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a" * 32_000)
            answer = wire.answer()
            assert (answer.status, answer.code) == (431, "headers_too_large")
            wire.assert_closed()

    def test_many_small_requests_at_once_are_not_one_large_one(self, port):
        with connected(port) as wire:
            wire.send(request(b"GET /livez", b"X-A: " + b"a" * 1000) * 40, b"GET /livez HTTP/1.1\r\nHo")
            assert [wire.answer().status for _ in range(40)] == [200] * 40
            wire.send(b"st: localhost\r\n\r\n")
            assert wire.answer().status == 200


def memory(service: Running) -> int:
    """Return the bytes that the processes of the service have in memory."""
    main = service.process.pid
    children = Path(f"/proc/{main}/task/{main}/children").read_text(encoding="ascii").split()
    total = 0
    for pid in (main, *children):
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
        assert found
        total += int(found[1]) * 1024
    return total


if not Path("/proc/self/task").exists():

    def memory(service: Running) -> int:
        return 0


class TestTheBody:
    # A093
    @pytest.mark.parametrize(
        "sent",
        [
            post(b"Content-Length: 10000000000"),
            post(b"Content-Length: 16385"),
            chunks(b"4001\r\n" + b" " * 0x4001),
            chunks(b"1\r\n \r\n" * 16_385),
        ],
        ids=["ten gigabytes", "a byte too many", "a chunk too large", "too many chunks"],
    )
    def test_one_too_large_is_refused_at_once_and_not_read_to_its_end(self, port, sent):
        with connected(port) as wire:
            wire.send(sent)
            answer = wire.answer()
            assert (answer.status, answer.code) == (413, "body_too_large")
            assert wire.send_while_possible(b"1\r\n \r\n" * 10_000, 1_000_000_000) < 100_000_000

    def test_a_client_that_reads_only_when_it_has_sent_everything_gets_the_refusal(self, port):
        with connected(port) as wire:
            wire.send(post(b"Content-Length: 400000", body=b" " * 400_000))
            answer = wire.answer()
            assert (answer.status, answer.code) == (413, "body_too_large")
            wire.send(request(b"GET /livez"))
            assert wire.answer().status == 200

    def test_one_byte_a_chunk_is_still_a_body(self, port):
        with connected(port) as wire:
            wire.send(chunks(b"1\r\n \r\n" * 16_384 + b"0\r\n\r\n"))
            assert wire.answer().code == "invalid_json"
            wire.send(request(b"GET /livez"))
            assert wire.answer().status == 200

    def test_a_shorter_one_than_was_said_is_not_served(self, port):
        with connected(port) as wire:
            wire.send(post(b"Content-Length: 100", body=b"{}"))
            wire.finish()
            wire.assert_closed()

    def test_a_longer_one_than_was_said_is_not_read_as_part_of_it(self, port):
        with connected(port) as wire:
            wire.send(post(b"Content-Length: 2", body=b"{}rest\r\n\r\n"))
            assert wire.answer().code == "invalid_request"
            wire.assert_closed()

    def test_it_is_asked_for_where_the_client_waits_and_only_then(self, port):
        with connected(port) as wire:
            wire.send(post(b"Expect: 100-continue", b"Content-Length: 2"))
            assert wire.answer().status == 100
            wire.send(b"{}")
            assert wire.answer().code == "invalid_request"
        with connected(port) as wire:
            wire.send(post(b"Expect: 100-continue", b"Content-Length: 20000"))
            assert wire.answer().code == "body_too_large"

    def test_one_that_nobody_asked_for_is_skipped(self, port):
        answer, goes_on = ask(port, request(b"GET /user", b"Content-Length: 50000", body=b"x" * 50_000))
        assert (answer.status, goes_on) == (401, True)

    def test_packed_ones_are_not_unpacked(self, port):
        answer, _ = ask(port, post(b"Content-Encoding: gzip", b"Content-Length: 2", body=b"{}"))
        assert (answer.status, answer.code) == (415, "unsupported_media_type")
