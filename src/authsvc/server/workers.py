"""Several processes that serve one socket, and who looks after them.

In place of uvicorn's supervisor, which hears no signal while it waits for a worker that stands still, and
replaces one that cannot live as fast as it dies.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from queue import Empty, SimpleQueue
from types import FrameType

import structlog
import uvicorn
from uvicorn.supervisors.multiprocess import Process

from authsvc.server.stopping import OrderlyServer

_log = structlog.get_logger(__name__)

_LOOK = 0.5
_LOOK_WHILE_STOPPING = 0.05
_PATIENCE = 5.0
"""Seconds that a worker may stand still, as it does not under any load: then it is killed and replaced."""
_PATIENCE_TO_START = 60.0
_PAUSE = 5.0
"""Seconds from a worker's start to that of who replaces it, at least: one that cannot live costs little."""

_PING = b"ping"
_HURRY = b"hurry"


class _WorkerServer(OrderlyServer):
    """Hurries only when its supervisor says so.

    A signal to the whole group, as by Ctrl-C or systemd, reaches a worker twice: the supervisor hands it on.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit or not self.is_stopping:
            super().handle_exit(sig, frame)


class Worker(Process):
    """One of them, as its supervisor sees it; and what runs in its process."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], delay: timedelta) -> None:
        super().__init__(config, sockets)
        self._delay = delay
        self.is_serving = False
        self.is_mourned = False
        self.started_at = self._answered_at = time.monotonic()
        self._is_asked = False

    # In the process of its own

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until it is told to stop, or its supervisor is gone."""
        self.parent_conn.close()  # the other end is the supervisor's alone, so its death can be told
        self._server = _WorkerServer(self.config, self._delay)
        threading.Thread(target=self.always_pong, daemon=True).start()
        self._server.run(sockets)

    def always_pong(self) -> None:
        """Answer the supervisor, in a thread."""
        server: _WorkerServer = self.server  # type: ignore[assignment]  # as made above
        try:
            while True:
                if self.child_conn.recv() == _HURRY:
                    server.hurry()
                else:
                    self.child_conn.send(server.started)
        except (OSError, EOFError):
            server.stop()  # nobody would stop it otherwise, and it holds the port

    # In the supervisor's

    def look(self) -> bool:
        """Tell whether it is well: it runs, and answers in time."""
        now = time.monotonic()
        with contextlib.suppress(OSError, EOFError):  # it is ending
            while self.parent_conn.poll():
                self.is_serving = self.parent_conn.recv()
                self._is_asked = False
                self._answered_at = now
            if not self._is_asked:
                self.parent_conn.send(_PING)
                self._is_asked = True
        patience = _PATIENCE if self.is_serving else _PATIENCE_TO_START
        return self.exitcode is None and now - self._answered_at < patience + _LOOK

    def terminate(self) -> None:
        """Tell it to stop. The way to it stays open, for `hurry`."""
        if self.exitcode is None and self.pid is not None:
            os.kill(self.pid, signal.SIGTERM)

    def hurry(self) -> None:
        """Tell it to stop without the rest of the delay."""
        with contextlib.suppress(OSError):  # it has stopped
            self.parent_conn.send(_HURRY)


class Workers:
    """Starts the workers, replaces those that end, and stops them all at SIGTERM or SIGINT.

    A worker that ends by itself (not by a signal) before all have ever served would do so again: that ends
    the others too, and ``failed`` is true.
    """

    def __init__(
        self, config: uvicorn.Config, sockets: Sequence[socket.socket], delay: timedelta = timedelta()
    ) -> None:
        self.config = config
        self.sockets = list(sockets)
        self.processes: list[Worker] = []
        self.failed = False
        self._delay = delay
        self._have_served = False
        self._signals: SimpleQueue[int] = SimpleQueue()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda caught, _: self._signals.put(caught))

    def run(self) -> None:
        """Return when all have stopped."""
        self.processes = [self._start() for _ in range(self.config.workers)]
        while not (self.failed or self._is_told(_LOOK)):
            self._look_after_all()
        for listener in self.sockets:
            listener.close()  # the workers have their own; nobody shall queue for what is closed there
        for worker in self.processes:
            worker.terminate()
        while any(worker.exitcode is None for worker in self.processes):
            if self._is_told(_LOOK_WHILE_STOPPING):
                for worker in self.processes:
                    worker.hurry()

    def when_all_serve(self) -> None:
        """All serve, for the first time."""

    def _start(self) -> Worker:
        worker = Worker(self.config, self.sockets, self._delay)
        worker.start()
        return worker

    def _is_told(self, within: float) -> bool:
        try:
            self._signals.get(timeout=within)
        except Empty:
            return False
        return True

    def _look_after_all(self) -> None:
        for place, worker in enumerate(self.processes):
            if not worker.look():
                self._replace(place, worker)
        if not self._have_served and all(worker.is_serving for worker in self.processes):
            self._have_served = True
            self.when_all_serve()

    def _replace(self, place: int, worker: Worker) -> None:
        if not worker.is_mourned:
            worker.is_mourned = True
            worker.is_serving = False
            stood_still = worker.exitcode is None
            worker.process.kill()
            worker.process.join()
            _log.error("worker_died", pid=worker.pid, code=worker.exitcode, stood_still=stood_still)
            self.failed = not self._have_served and (worker.exitcode or 0) > 0
        if time.monotonic() - worker.started_at >= _PAUSE:
            self.processes[place] = self._start()
