"""Servers under test: started on the cores that they are given, and looked after."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import nan
from pathlib import Path

CORES = (
    sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
)
SERVER_CORE, LOAD_CORE = CORES[0], CORES[1 % len(CORES)]
_MOST_LOOKS, _A_LOOK = 50, 0.1  # seconds: it counts hundredths of them
_OURS = ("AUTHSVC_", "BENCH_", "PYTHONPATH")


@dataclass(frozen=True)
class Served:
    """A server under test: its first process and whatever that started, and what they log."""

    port: int
    pid: int
    log: Path

    def cpu(self) -> float:
        """Return the processor time that it has used, in seconds; not a number where nobody counts it."""
        ticks = [self._fields(pid)[11:13] for pid in self._family()]
        return sum(int(tick) for pair in ticks for tick in pair) / os.sysconf("SC_CLK_TCK") if ticks else nan

    def loop_cpu(self) -> float:
        """Return the processor time of its first thread, which the event loop is; not a number as above."""
        counted = Path(f"/proc/{self.pid}/task/{self.pid}/schedstat")
        return int(counted.read_text(encoding="ascii").split()[0]) / 1e9 if counted.exists() else nan

    def rest(self) -> None:
        """Wait until it has done what it was asked: a slice ends amid requests, which would slow the next."""
        before = -1.0
        for _ in range(_MOST_LOOKS):
            if (now := self.cpu()) == before:
                return
            before = now
            time.sleep(_A_LOOK)

    def spread(self, cores: Sequence[int]) -> None:
        """Keep each of its workers on a core of its own, as many as there are ``cores``."""
        if not hasattr(os, "sched_setaffinity"):
            return
        workers = [
            pid for pid in self._family() if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        for worker, core in zip(workers, cores, strict=False):
            for thread in Path(f"/proc/{worker}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {core})

    def memory(self) -> float:
        """Return its resident memory in bytes; not a number where nobody counts it."""
        pages = [int(self._fields(pid)[21]) for pid in self._family()]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") if pages else nan

    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-600:]

    def _family(self) -> list[int]:
        found, grown = [], [self.pid]
        while grown:
            pid = grown.pop()
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                grown += map(int, children.read_text(encoding="ascii").split())
            if Path(f"/proc/{pid}/stat").exists():
                found.append(pid)
        return found

    def _fields(self, pid: int) -> list[str]:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()


def pinned(*cores: int) -> list[str]:
    """Return what a command must begin with to stay on these cores, where that can be had."""
    return ["taskset", "-c", ",".join(map(str, cores))] if shutil.which("taskset") else []


def stay_on(*cores: int) -> None:
    """Keep this process, and what it starts from now on, on these cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(cores))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    command: Sequence[str], environment: Mapping[str, str], port: int, log: Path, cores: Sequence[int]
) -> Iterator[Served]:
    """Run a server until the block ends; ``environment`` is all that it has of ours."""
    foreign = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    with log.open("wb") as written:
        server = subprocess.Popen(  # noqa: S603  (ours)
            [*pinned(*cores), *command], env=foreign | dict(environment), stdout=written, stderr=written
        )
    try:
        _wait_for(port, server, log)
        yield Served(port, server.pid, log)  # taskset becomes the server
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    while server.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"a server did not start: {Served(port, server.pid, log).last_words()}")
