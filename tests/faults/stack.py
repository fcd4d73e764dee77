"""Two workers on a PostgreSQL and a Valkey of their own, each behind a network that can fail."""

import asyncio
import contextlib
import mmap
import os
import secrets
import signal
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from tests.cli.running import free_port
from tests.faults.processes import children, descendants
from tests.faults.watching import QUEUE
from tests.races.service import PREFIX
from tests.support.tcp_proxy import TcpProxy, upstream_of, url_through
from tests.support.valkeys import Node

from authsvc.devservers.account import Accounts
from authsvc.devservers.postgres import Postgres, start_postgres
from authsvc.devservers.programs import Programs
from authsvc.kit.database import Database
from authsvc.migrations import migrate

WORKERS = 2
POOL = 5
_PATIENCE = 60
_ROOT = Path(__file__).parents[2]
_AOF = ["appendonly yes", "appendfsync no", "maxmemory-policy noeviction", "enable-debug-command local"]


@dataclass
class World:
    """What a service under test takes for the time of day and for the domain name system."""

    path: Path
    _map: mmap.mmap | None = None

    def open(self) -> None:
        """Begin with an honest clock and honest names."""
        self.path.write_bytes(struct.pack("dd", 0.0, 0.0))
        with self.path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 16)

    def set(self, *, seconds_off: float = 0.0, names_fail: bool = False) -> None:
        """Change it, for all workers at once."""
        assert self._map is not None
        self._map[:] = struct.pack("dd", seconds_off, float(names_fail))


@dataclass
class Stack:
    """Everything that a fault may lay hands on."""

    folder: Path
    valkey: Node
    redis_proxy: TcpProxy
    database_proxy: TcpProxy
    world: World
    port: int
    postgres: Postgres | None = None
    service: asyncio.subprocess.Process | None = None
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    accounts: Accounts = field(default_factory=Accounts)
    special: bool = False
    """Whether the service runs with the clock and the names of `world`."""
    admin: Redis | None = None

    # PostgreSQL

    async def start_postgres(self) -> None:
        """Start it on the data that is there."""
        programs = await asyncio.to_thread(Programs().find_postgres)
        self.postgres = await start_postgres(self.folder / "pg", programs, self.accounts, durable=False)
        self.database_proxy.upstream = upstream_of(self.postgres.url)

    @property
    def postgres_pids(self) -> list[int]:
        """The server's processes, its first one first."""
        assert self.postgres is not None
        pid = self.postgres.server.process.pid
        return [pid, *children(pid)]

    async def connect(self) -> Any:
        """Return a connection of ours to PostgreSQL, past the proxy."""
        assert self.postgres is not None
        return await asyncpg.connect(
            host=str(self.postgres.sockets), port=5432, user="authsvc", password="", database="authsvc",
            ssl=False, server_settings={"application_name": "faults"}, timeout=10,
        )  # fmt: skip

    async def sql(self, *statements: str) -> list[Any]:
        """Run statements, each on its own; return the rows of the last."""
        connection = await self.connect()
        try:
            rows: list[Any] = []
            for statement in statements:
                rows = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    # Valkey

    async def redis(self, *command: str | int) -> Any:
        """Send a command to Valkey, past the proxy, on one connection that stays."""
        if self.admin is None:
            self.admin = Redis(
                port=self.valkey.port, socket_timeout=5, retry=Retry(NoBackoff(), 0),
                maint_notifications_config=MaintNotificationsConfig(enabled=False),
                single_connection_client=True,
                client_name="faults",
            )  # fmt: skip
        send: Any = self.admin.execute_command
        return await send(*command)

    async def forget_admin(self) -> None:
        """Let the next command connect anew."""
        if self.admin is not None:
            with contextlib.suppress(Exception):
                await self.admin.aclose()
            self.admin = None

    # The service

    async def start_service(self, *, special: bool | None = None) -> None:
        """Start two workers, and wait until they are ready."""
        if special is not None:
            self.special = special
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSVC_")}
        assert self.postgres is not None
        database = url_through(self.database_proxy, self.postgres.url) + "?ssl=disable"
        redis = f"redis://127.0.0.1:{self.redis_proxy.port}/0"
        if self.special:
            database = database.replace("127.0.0.1", "postgres.faults.test")
            redis = redis.replace("127.0.0.1", "redis.faults.test")
        variables = {
            "AUTHSVC_SECRET_KEY": self.secret,
            "AUTHSVC_DATABASE_URL": database,
            "AUTHSVC_DATABASE_CONNECTIONS": str(POOL),
            "AUTHSVC_REDIS_URL": redis,
            "AUTHSVC_REDIS_PREFIX": PREFIX,
            "AUTHSVC_PORT": str(self.port),
            "AUTHSVC_WORKERS": str(WORKERS),
            "AUTHSVC_REFRESH_GRACE": "1m",
            "AUTHSVC_HASHING_NICENESS": "0",
            "AUTHSVC_SHUTDOWN_DELAY": "0",
            "AUTHSVC_HASHING_QUEUE_TIMEOUT": f"{QUEUE:.0f}s",
            # An attempt that an outage interrupts counts, and here are many outages.
            "AUTHSVC_ATTEMPTS_PER_ACCOUNT": "100",
            "AUTHSVC_ATTEMPTS_PER_ACCOUNT_AND_ADDRESS": "100",
            "AUTHSVC_LOGINS_PER_ACCOUNT": "1000000",
            "AUTHSVC_ATTEMPTS_PER_ADDRESS": "1000000",
            "AUTHSVC_REGISTRATIONS_PER_ADDRESS": "1000000",
            "PYTHONPATH": os.pathsep.join([str(_ROOT / "src"), str(_ROOT)]),
            "FAULTS_WORLD": str(self.world.path),
        }
        module = ("tests.faults.serving",) if self.special else ("authsvc", "serve")
        log = await asyncio.to_thread((self.folder / "service.log").open, "ab")
        with log:
            self.service = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *module, env={**kept, **variables}, stdout=log, stderr=log,
                cwd=self.folder,
            )  # fmt: skip
        await self.wait_until_ready()

    async def wait_until_ready(self) -> None:
        """Return when all workers listen and the service says that it is ready."""
        assert self.service is not None
        async with asyncio.timeout(_PATIENCE):
            while len(self.workers) < WORKERS or not await self._is_ready():
                assert self.service.returncode is None, "the service stopped"
                await asyncio.sleep(0.05)

    async def _is_ready(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            writer.write(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            async with asyncio.timeout(5):
                line = await reader.readline()
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()
        return b" 200 " in line

    async def stop_service(self) -> None:
        """Stop it in order, and wait."""
        assert self.service is not None
        if self.service.returncode is None:
            self.service.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self.service.wait()
            except TimeoutError:
                for pid in [*descendants(self.service.pid), self.service.pid]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                await self.service.wait()

    @property
    def workers(self) -> list[int]:
        """The processes that serve."""
        assert self.service is not None
        return [pid for pid in children(self.service.pid) if _is_worker(pid)]


def _is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@asynccontextmanager
async def run_stack(folder: Path) -> AsyncIterator[Stack]:
    """Start all of it; stop all of it at the end, whatever state it is in."""
    async with AsyncExitStack() as stack:
        world = World(folder / "world")
        world.open()
        valkey = Node(folder / "valkey", free_port(), lines=_AOF)
        await valkey.start()
        stack.push_async_callback(valkey.kill)
        redis_proxy = await stack.enter_async_context(TcpProxy(("127.0.0.1", valkey.port)).running())
        database_proxy = await stack.enter_async_context(TcpProxy("").running())
        it = Stack(folder, valkey, redis_proxy, database_proxy, world, free_port())
        (folder / "pg").mkdir(mode=0o700)
        await it.start_postgres()
        stack.push_async_callback(_stop_postgres, it)
        stack.push_async_callback(it.forget_admin)
        database = Database(it.postgres.url if it.postgres else "")
        await migrate(database)
        await database.close()
        stack.push_async_callback(_stop_service, it)
        await it.start_service()
        yield it


async def _stop_postgres(it: Stack) -> None:
    assert it.postgres is not None
    for pid in it.postgres_pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    await it.postgres.server.stop()


async def _stop_service(it: Stack) -> None:
    if it.service is not None:
        await it.stop_service()
