"""What is measured: the servers on one core, what they need and the load on the other."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from load import Served
from pydantic import SecretStr

from authsvc.app import connect
from authsvc.devservers import DevServers
from authsvc.kit.clock import utc_now
from authsvc.migrations import migrate
from authsvc.sessions.refresh_token import RefreshToken, new_secret
from authsvc.sessions.session import NewSession
from authsvc.settings import Settings
from authsvc.users.identity import Username
from authsvc.users.user import NewUser
from authsvc.wiring import Flows, wire

SERVER_CORE = 0
LOAD_CORE = min(1, (os.cpu_count() or 1) - 1)
_SECRET = "only-for-measuring-0123456789-abcdefghij"  # noqa: S105  (of a database that is thrown away)
_BATCH = 200


class World:
    """A running PostgreSQL and Valkey, users and sessions in them, and servers that use them."""

    def __init__(self, settings: Settings, flows: Flows) -> None:
        self.settings = settings
        self._flows = flows
        self._sessions: list[RefreshToken] = []

    async def populate(self, sessions: int) -> None:
        """Start sessions of new users, straight in the stores."""
        start = self._flows.log_in.sessions.start
        while len(self._sessions) < sessions:
            users = [await self._register() for _ in range(20)]
            new = [RefreshToken(user, uuid4(), new_secret()) for user in users for _ in range(_BATCH // 20)]
            await asyncio.gather(
                *(
                    start(NewSession(s.session_id, s.user_id, s.secret_digest, 0, ("pwd",), "::1", "wrk"))
                    for s in new
                )
            )
            self._sessions += new

    async def _register(self) -> UUID:
        new = NewUser(Username.parse(f"u{uuid4().hex[:20]}"), "Ada Lovelace", None, "no hash")
        return (await self._flows.log_in.users.add(new)).id

    def access_tokens(self, number: int, *, of_sessions: int = 256) -> list[str]:
        """Return access tokens that nobody has seen yet."""
        issue, now = self._flows.refresh.issue_tokens.access_tokens.issue, utc_now()
        sessions = self._sessions[:of_sessions]
        some = (sessions[i % len(sessions)] for i in range(number))
        return [issue(session.user_id, session.session_id, now, ("pwd",)) for session in some]

    def refresh_tokens(self, number: int) -> list[str]:
        """Return refresh tokens, the one that is used next first; then tell with `traded` how many were."""
        sign = self._flows.refresh.refresh_tokens.sign
        return [sign(token) for token in self._sessions[:number]]

    def traded(self, number: int, *, unsure: int) -> None:
        """The first ``number`` were traded in, give or take ``unsure``, whose sessions are left out."""
        surely = self._sessions[: max(0, number - unsure)]
        successors = [token.at_generation(token.generation + 1) for token in surely]
        self._sessions = self._sessions[number + unsure :] + successors

    @contextmanager
    def authsvc(self, source: Path) -> Iterator[Served]:
        """Run ``authsvc serve`` of the tree ``source`` as production does; gives where."""
        settings = self.settings
        with _free_port() as port:
            environment = {
                "PYTHONPATH": str(source),
                "AUTHSVC_SECRET_KEY": _SECRET,
                "AUTHSVC_DATABASE_URL": settings.database_url.get_secret_value(),
                "AUTHSVC_REDIS_URL": settings.redis_url.get_secret_value(),
                "AUTHSVC_REDIS_TIMEOUT": "2",
                "AUTHSVC_PORT": str(port),
                "AUTHSVC_HOST": "127.0.0.1",
                "AUTHSVC_LOG_LEVEL": "warning",
            }
        with _served(["-m", "authsvc", "serve"], environment, port) as served:
            yield served

    @contextmanager
    def floors(self) -> Iterator[Served]:
        """Run the floors; gives where."""
        with _free_port() as port:
            environment = {"BENCH_REDIS_URL": self.settings.redis_url.get_secret_value()}
        options = ["--app-dir", str(Path(__file__).parent), "--port", str(port), "--no-access-log"]
        with _served(
            ["-m", "uvicorn", "floors:app", "--log-level", "warning", *options], environment, port
        ) as served:
            yield served


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Start the stores, on the core that does not serve."""
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory() as folder:
        async with DevServers(Path(folder, "servers"), durable=False) as servers:
            settings = Settings(
                secret_key=SecretStr(_SECRET),
                database_url=SecretStr(servers.database_url),
                redis_url=SecretStr(servers.redis_url),
                redis_timeout=timedelta(seconds=10),
            )
            database, redis = connect(settings)
            await migrate(database)
            flows = wire(settings, database, redis, utc_now)
            await flows.maintain()
            yield World(settings, flows)
            flows.hasher.close()
            await redis.close()
            await database.close()


@contextmanager
def _served(arguments: list[str], environment: dict[str, str], port: int) -> Iterator[Served]:
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, *arguments]
    server = subprocess.Popen(command, env={**os.environ, **environment})  # noqa: S603  (ours)
    try:
        _wait_for(port, server)
        yield Served(port, server.pid)  # taskset becomes the server
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    while server.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("a server did not start")


@contextmanager
def _free_port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield int(probe.getsockname()[1])
