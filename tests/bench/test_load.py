"""The load that wrk makes, against a tiny server."""

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.bench.conftest import TinyServer

BENCH = Path(__file__).parents[2] / "bench"

pytestmark = pytest.mark.skipif(shutil.which("wrk") is None, reason="it is about wrk")


@pytest.fixture
def ask(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[Any]]:
    monkeypatch.syspath_prepend(str(BENCH))
    load, served = __import__("load"), __import__("servers").Served(port, os.getpid(), tmp_path / "log")
    core = min(os.sched_getaffinity(0)) if sys.platform == "linux" else 0
    how = {"connections": 1, "seconds": 1, "core": core}
    return lambda tokens, **more: asyncio.to_thread(load.run, served, "GET", "/there", tokens, **how, **more)


async def test_the_tokens_are_used_in_turn_from_the_first_on(
    server: TinyServer, ask: Callable[..., Awaitable[Any]]
) -> None:
    told = await ask(["one", "two", "three"])
    presented = [request.partition("Bearer ")[2].split()[0] for request in server.asked]
    assert presented[:4] == ["one", "two", "three", "one"]
    assert told.failed == 0
    assert told.asked <= len(server.asked) <= told.asked + 1


async def test_tokens_that_count_once_are_not_used_twice(ask: Callable[..., Awaitable[Any]]) -> None:
    with pytest.raises(RuntimeError, match="3 tokens were too few"):
        await ask(["one", "two", "three"], once=True)
