"""Commands as somebody types them: real processes, real servers, real sockets."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from tests.support.stores import Urls

from authsvc.settings import Settings

SECRET = "kf3Vd0mQhW8uYx2ZpL7rTn5cBj9sGa4eHo6i"
SOURCE = Path(__file__).parents[2] / "src"
PATIENCE = 50  # seconds
_UNHURRIED = {"database_timeout": "30s", "redis_timeout": "10s", "hashing_queue_timeout": "50s"}


def environment(**settings: str) -> dict[str, str]:
    """Nothing of this process's own settings, but those given: ``port="0"`` is AUTHSVC_PORT.

    Who stops a service does not wait, and a busy machine is no outage, unless that is what is tested.
    """
    settings = {"shutdown_delay": "0"} | _UNHURRIED | settings
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSVC_")}
    named = {f"AUTHSVC_{name.upper()}": value for name, value in settings.items()}
    return kept | {"PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1"} | named


def authsvc(*words: str, where: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "authsvc", *words],
        cwd=where,
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def served_here(servers: Urls, **more: Any) -> Settings:
    """Settings of a service inside this process, on these servers, which is as patient as the others."""
    return Settings(
        secret_key=SecretStr(SECRET),
        database_url=SecretStr(servers.database),
        database_timeout=timedelta(seconds=30),
        redis_url=SecretStr(servers.redis),
        redis_timeout=timedelta(seconds=10),
        hashing_queue_timeout=timedelta(seconds=50),
        **more,
    )


async def authsvc_beside(
    *words: str, where: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, while a service in this process goes on."""
    return await asyncio.to_thread(authsvc, *words, where=where, env=env)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Running:
    """A command that serves."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def stop(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait_until_said(self, text: str, times: int) -> None:
        """Another process says it: its log is all that can be watched."""
        deadline = time.monotonic() + PATIENCE
        while self.said.count(text) < times:
            assert time.monotonic() < deadline, self.said
            time.sleep(0.01)  # another process has no event to wait for


@contextmanager
def running(command: str, where: Path, *envs: Mapping[str, str]) -> Iterator[Any]:
    """Start ``authsvc dev`` or ``authsvc serve``, once for each environment.

    All answer when the block begins, and are gone after it. Gives a `Running`, or a tuple of several.
    """
    with ExitStack() as stack:
        all_of_them = [stack.enter_context(started(command, where, env)) for env in envs]
        for each in all_of_them:
            wait_until_it_answers(each)
        yield all_of_them[0] if len(all_of_them) == 1 else tuple(all_of_them)


@contextmanager
def started(command: str, where: Path, env: Mapping[str, str]) -> Iterator[Running]:
    """Start it once, without waiting until it is ready."""
    log = where / f"{command}-{env['AUTHSVC_PORT']}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "authsvc", command], cwd=where, env=env, stdout=output, stderr=output
        )
    try:
        yield Running(process, f"http://127.0.0.1:{env['AUTHSVC_PORT']}", log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE)


def wait_until_it_answers(service: Running) -> None:
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(base_url=service.url, timeout=PATIENCE, verify=False) as client:  # noqa: S501 - plain HTTP
        while time.monotonic() < deadline:
            assert service.process.poll() is None, service.said
            try:
                if client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)  # nobody listens yet
    raise AssertionError(service.said)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
