"""How the real program stops, and how it looks after its workers."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from tests.cli.running import PATIENCE, SOURCE, Running, environment, free_port, is_running, running
from tests.faults.processes import children
from tests.support.waiting import eventually

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)

LINUX = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="asks Linux for processes")
STOPPING = {"status": "stopping", "dependencies": {}}
LONG = "10m"  # nothing here waits for its end


@contextmanager
def serving(env: dict[str, str], where: Path, workers: int, delay: str) -> Iterator[Running]:
    more = {"port": str(free_port()), "workers": str(workers), "shutdown_delay": delay}
    given = {f"AUTHSVC_{name.upper()}": value for name, value in more.items()}
    with running("serve", where, env | given) as service:
        service.wait_until_said('"event": "listening"', 1)
        yield service


def ask(service: Running, path: str) -> httpx.Response:
    return httpx.get(f"{service.url}{path}")


def workers_of(service: Running) -> list[int]:
    commands = {pid: Path(f"/proc/{pid}/cmdline") for pid in children(service.process.pid)}
    return [pid for pid, path in commands.items() if path.exists() and b"spawn_main" in path.read_bytes()]


# A107
@pytest.mark.parametrize("workers", [1, 2], ids=["one worker", "two workers"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_is_unready_and_serves_until_it_is_told_again(env, tmp_path, workers, how):
    with serving(env, tmp_path, workers, LONG) as service:
        service.process.send_signal(how)
        service.wait_until_said('"event": "stopping"', workers)
        for _ in range(5):  # each worker answers some
            unready = ask(service, "/readyz")
            assert (unready.status_code, unready.json()) == (503, STOPPING)
            assert unready.headers["connection"] == "close"
            assert ask(service, "/livez").status_code == 200
            assert ask(service, "/user").status_code == 401
        assert "Stopping: " in ask(service, "/").text
        assert service.stop(how) == 0
        assert "Traceback" not in service.said


@pytest.mark.parametrize("workers", [1, 2], ids=["one worker", "two workers"])
def test_it_stops_by_itself_after_the_delay(env, tmp_path, workers):
    with serving(env, tmp_path, workers, "200ms") as service:
        assert service.stop(signal.SIGTERM) == 0
        assert service.said.count("Finished server process") == workers


@LINUX
def test_a_signal_to_the_whole_group_is_one_signal(env, tmp_path):
    with serving(env, tmp_path, 2, LONG) as service:
        for pid in [*workers_of(service), service.process.pid]:
            os.kill(pid, signal.SIGINT)
        service.wait_until_said('"event": "stopping"', 2)
        for pid in workers_of(service):
            os.kill(pid, signal.SIGTERM)  # as the supervisor hands it on
        assert ask(service, "/readyz").json() == STOPPING
        assert ask(service, "/livez").status_code == 200
        assert service.stop(signal.SIGINT) == 0


@LINUX
async def test_workers_whose_supervisor_was_killed_stop_and_let_the_port_go(env, tmp_path):
    with serving(env, tmp_path, 2, "0") as service:
        workers = await asyncio.to_thread(workers_of, service)
        assert len(workers) == 2
        service.process.kill()
        service.process.wait(PATIENCE)
        await eventually(lambda: not any(map(is_running, workers)))
        with socket.create_server(("127.0.0.1", int(service.url.rpartition(":")[2]))):
            pass
        assert "Traceback" not in service.said


@LINUX
async def test_a_worker_that_is_killed_is_replaced_while_the_other_serves(env, tmp_path):
    with serving(env, tmp_path, 2, "0") as service:
        before = await asyncio.to_thread(workers_of, service)
        os.kill(before[0], signal.SIGKILL)
        await eventually(lambda: "worker_died" in service.said)
        assert (await asyncio.to_thread(ask, service, "/readyz")).status_code == 200

        def replaced() -> bool:
            now = workers_of(service)
            return len(now) == 2 and before[0] not in now and before[1] in now

        await eventually(replaced, within=PATIENCE)
        service.wait_until_said('"event": "Application startup complete."', 3)
        assert service.stop(signal.SIGTERM) == 0


@LINUX
async def test_a_worker_that_stands_still_is_replaced(env, tmp_path):
    with serving(env, tmp_path, 2, "0") as service:
        (still, _) = await asyncio.to_thread(workers_of, service)
        os.kill(still, signal.SIGSTOP)
        await eventually(lambda: '"stood_still": true' in service.said, within=PATIENCE)
        await eventually(lambda: len(workers_of(service)) == 2, within=PATIENCE)
        assert still not in workers_of(service)
        assert service.stop(signal.SIGTERM) == 0


def starting_in_vain(how: str) -> "subprocess.Popen[str]":
    paths = os.pathsep.join([str(SOURCE), str(SOURCE.parent)])
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "tests.cli.dying", how],
        env=environment() | {"PYTHONPATH": paths}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_a_worker_that_dies_again_and_again_is_replaced_at_intervals():
    with starting_in_vain("be_killed") as process:
        assert process.stdout is not None
        died: list[datetime] = []
        while len(died) < 2:
            line = process.stdout.readline()
            assert line, "it ended"
            if "worker_died" in line:
                died.append(datetime.fromisoformat(json.loads(line)["timestamp"]))
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert (died[1] - died[0]).total_seconds() > 4  # five from start to start


def test_a_worker_that_cannot_start_ends_the_service():
    began = time.monotonic()
    with starting_in_vain("fail") as process:
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert said.count("worker_died") == 1
    assert time.monotonic() - began < PATIENCE
