"""The load generator, against a tiny server."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.bench.conftest import TinyServer

PROGRAM = Path(__file__).parents[2] / "bench/generator.py"


@pytest.fixture
def lines() -> str:
    return "one\ntwo\nthree\n"


@pytest.fixture
def tokens(lines: str, tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(lines)
    return file


def run(port: int, tokens: Path, *options: str) -> Any:
    given = ["--port", str(port), "--path", "/there", "--tokens", str(tokens)]
    command = [sys.executable, str(PROGRAM), *given, *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- our own
    assert ended.stderr == ""
    return json.loads(ended.stdout)


async def generate(port: int, tokens: Path, *options: str) -> Any:
    return await asyncio.to_thread(run, port, tokens, *options)


async def test_every_request_is_counted_and_the_tokens_are_used_in_turn(
    server: TinyServer, port: int, tokens: Path
) -> None:
    told = await generate(port, tokens, "--connections", "1", "--seconds", "0.1")
    assert told["asked"] == told["statuses"]["200"] == len(server.asked) > 3
    assert told["failed"] == 0
    assert server.asked[0] == (
        f"GET /there HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer one\r\n\r\n"
    )
    presented = [request.partition("Bearer ")[2].strip() for request in server.asked]
    assert presented[:4] == ["one", "two", "three", "one"]


@pytest.mark.parametrize(
    ("kind", "lines", "body"),
    [
        ("bearer", "abc", ""),
        ("refresh", "abc", '{"refresh_token": "abc"}'),
        ("login", "ada\tpass word\t&", '{"username": "ada", "password": "pass word\\t&"}'),
        ("form", "ada\tpass word&", "username=ada&password=pass+word%26"),
    ],
)
async def test_a_line_is_presented_as_it_was_asked(
    server: TinyServer, port: int, tokens: Path, kind: str, body: str
) -> None:
    await generate(port, tokens, "--method", "POST", "--as", kind, "--seconds", "0.05")
    head, _, presented = server.asked[0].partition("\r\n\r\n")
    assert presented == body
    assert f"Content-Length: {len(body)}" in head


async def test_answers_are_counted_by_their_status(server: TinyServer, port: int, tokens: Path) -> None:
    server.answers.append(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    told = await generate(port, tokens, "--connections", "1", "--rate", "100", "--seconds", "0.1")
    assert told["statuses"] == {"200": 5, "503": 5}
    assert told["failed"] == told["by_status"]["503"]["count"] == 5


async def test_in_the_open_loop_a_server_that_stalls_is_asked_no_less(
    server: TinyServer, port: int, tokens: Path
) -> None:
    server.answers = [None]
    options = ("--connections", "1", "--rate", "100", "--seconds", "0.1", "--wait", "0.2")
    told = await generate(port, tokens, *options)
    assert len(server.asked) == 1  # the other nine waited for the connection, and count
    assert told["statuses"] == {"unanswered": 10}
    assert told["by_status"]["unanswered"]["p50"] >= 0.2
    assert told["rate"] == 0


async def test_in_the_open_loop_what_waits_for_an_earlier_answer_is_late(
    server: TinyServer, port: int, tokens: Path
) -> None:
    server.first_answer_takes = 0.3
    told = await generate(port, tokens, "--connections", "1", "--rate", "100", "--seconds", "0.1")
    assert told["statuses"] == {"200": 10}
    assert told["p50"] >= 0.3 - 0.1  # the last one was due when 0.1 s had gone


async def test_a_connection_that_the_server_ends_is_opened_again(
    server: TinyServer, port: int, tokens: Path
) -> None:
    server.answers = [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]
    told = await generate(port, tokens, "--connections", "2", "--rate", "100", "--seconds", "0.1")
    assert told["statuses"] == {"200": 10}


async def test_an_answer_that_is_none_is_a_failure(server: TinyServer, port: int, tokens: Path) -> None:
    server.answers = [b"SSH-2.0-what\r\n\r\n"]
    told = await generate(port, tokens, "--connections", "1", "--rate", "100", "--seconds", "0.03")
    assert told["statuses"] == {"malformed": 3}
    assert told["failed"] == 3
