"""The load that wrk makes, against a tiny server."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest
from tests.bench.conftest import TinyServer

BENCH = Path(__file__).parents[2] / "bench"


@pytest.mark.skipif(shutil.which("wrk") is None, reason="it is about wrk")
async def test_the_tokens_are_used_in_turn_from_the_first_on(
    server: TinyServer, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    load, served = __import__("load"), __import__("servers").Served(port, os.getpid(), tmp_path / "log")
    core = min(os.sched_getaffinity(0)) if sys.platform == "linux" else 0
    told = await asyncio.to_thread(
        load.run, served, "GET", "/there", ["one", "two", "three"], connections=1, seconds=1, core=core
    )
    presented = [request.partition("Bearer ")[2].split()[0] for request in server.asked]
    assert presented[:4] == ["one", "two", "three", "one"]
    assert told.failed == 0
    assert told.asked <= len(server.asked) <= told.asked + 1
