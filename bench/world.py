"""What is measured: the servers on one core, what they need and the load on the other."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from pydantic import SecretStr
from servers import LOAD_CORE, SERVER_CORE, Served, free_port, serving, stay_on

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

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PEERS_PYTHON = ROOT / ".venv-bench/bin/python"
HASHING_THREADS = 1  # the default for two cores; a server has one here
# Far above what is asked, so that the limits on attempts do not shape the load.
ATTEMPTS = {
    "attempts_per_account": "100",
    "attempts_per_account_and_address": "100",
    "attempts_overall": "1000000000",
    "logins_per_account": "1000000",
    "attempts_per_address": "1000000",
    "registrations_per_address": "1000000",
}
SECRET = "only-for-measuring-0123456789-abcdefghij"  # noqa: S105  (of a database that is thrown away)
PASSWORD = "nine purple kettles sing"  # noqa: S105  (likewise)
_USERS, _SESSIONS = 40, 10  # of each user


class World:
    """A running PostgreSQL and Valkey, users and sessions in them, and servers that use them."""

    def __init__(self, settings: Settings, flows: Flows, folder: Path) -> None:
        self.settings = settings
        self._folder = folder
        self._flows = flows
        self._sessions: list[RefreshToken] = []
        self._names: list[str] = []

    async def populate(self, sessions: int) -> None:
        """Start sessions of new users, straight in the stores."""
        start = self._flows.log_in.sessions.start
        while len(self._sessions) < sessions:
            users = await asyncio.gather(*(self._register() for _ in range(_USERS)))
            # Neighbours belong to different users, so that what is gathered is not one question.
            new = [RefreshToken(user, uuid4(), new_secret()) for _ in range(_SESSIONS) for user in users]
            await asyncio.gather(
                *(
                    start(NewSession(s.session_id, s.user_id, s.secret_digest, 0, ("pwd",), "::1", "wrk"))
                    for s in new
                )
            )
            self._sessions += new

    async def populate_anew(self, sessions: int) -> None:
        """Leave those alone that were used before: under a flood nobody counts how often they were traded."""
        self._sessions.clear()
        await self.populate(sessions)

    async def _register(self) -> UUID:
        new = NewUser(Username.parse(f"u{uuid4().hex[:20]}"), "Ada Lovelace", None, "no hash")
        return (await self._flows.log_in.users.add(new)).id

    def access_tokens(self, number: int, *, of_sessions: int = 256) -> list[str]:
        """Return access tokens that nobody has seen yet."""
        sessions = self._sessions[-of_sessions:]  # those at the other end are refreshed meanwhile
        return self._access([sessions[i % len(sessions)] for i in range(number)])

    def refresh_tokens(self, number: int) -> list[str]:
        """Return refresh tokens, the one that is used next first; then tell with `traded` how many were."""
        sign = self._flows.refresh.refresh_tokens.sign
        return [sign(token) for token in self._sessions[:number]]

    def traded(self, number: int, *, unsure: int) -> None:
        """The first ``number`` were traded in, give or take ``unsure``, whose sessions are left out."""
        surely = self._sessions[: max(0, number - unsure)]
        successors = [token.at_generation(token.generation + 1) for token in surely]
        self._sessions = self._sessions[number + unsure :] + successors

    def take(self, number: int) -> list[tuple[str, str]]:
        """Return the access and refresh tokens of as many sessions, which nobody else will use."""
        taken, self._sessions = self._sessions[-number:], self._sessions[:-number]
        return list(
            zip(self._access(taken), map(self._flows.refresh.refresh_tokens.sign, taken), strict=True)
        )

    async def logins(self, number: int) -> list[str]:
        """Return the names and the password of some users, as `load.run` sends them. One hash serves all."""
        users = self._flows.log_in.users
        password_hash = await self._flows.hasher.hash(PASSWORD)
        while len(self._names) < number:
            name = f"l{uuid4().hex[:20]}"
            await users.add(NewUser(Username.parse(name), "Ada Lovelace", None, password_hash))
            self._names.append(name)
        return [f"{name}\t{PASSWORD}" for name in self._names[:number]]

    @contextmanager
    def authsvc(
        self, source: Path = SOURCE, *, cores: Sequence[int] = (SERVER_CORE,), **settings: str
    ) -> Iterator[Served]:
        """Run ``authsvc serve`` of the tree ``source`` as production does; gives where.

        ``settings`` come on top, as ``workers="2"``.
        """
        port = free_port()
        chosen = {
            "secret_key": SECRET,
            "database_url": self.settings.database_url.get_secret_value(),
            "redis_url": self.settings.redis_url.get_secret_value(),
            "redis_timeout": "2",
            "port": str(port),
            "shutdown_delay": "0",
            "host": "127.0.0.1",
            "log_level": "error",
            "access_token_ttl": "900",
            "hashing_threads": str(HASHING_THREADS),
            **ATTEMPTS,
            **settings,
        }
        environment = {f"AUTHSVC_{name.upper()}": value for name, value in chosen.items()}
        environment["PYTHONPATH"] = str(source)
        command = [sys.executable, "-m", "authsvc", "serve"]
        with serving(command, environment, port, self._folder / f"{port}.log", cores) as served:
            yield served

    @contextmanager
    def floors(self) -> Iterator[Served]:
        """Run the floors; gives where."""
        with self._uvicorn(sys.executable, "floors:app", Path(__file__).parent) as served:
            yield served

    @contextmanager
    def peer(self, name: str) -> Iterator[Served]:
        """Run one of the peers in its own environment; gives where."""
        with self._uvicorn(str(PEERS_PYTHON), f"{name}:app", Path(__file__).parent / "peers") as served:
            yield served

    @contextmanager
    def _uvicorn(self, python: str, application: str, folder: Path) -> Iterator[Served]:
        environment = {
            "BENCH_DATABASE_URL": self.settings.database_url.get_secret_value(),
            "BENCH_REDIS_URL": self.settings.redis_url.get_secret_value(),
            "BENCH_SECRET_KEY": SECRET,
            "BENCH_ARGON2_MEMORY_KIB": str(self.settings.argon2_memory_kib),
            "BENCH_ARGON2_TIME_COST": str(self.settings.argon2_time_cost),
            "BENCH_ARGON2_PARALLELISM": str(self.settings.argon2_parallelism),
            "BENCH_HASHING_THREADS": str(HASHING_THREADS),
        }
        port = free_port()
        command = [python, "-m", "uvicorn", application, "--app-dir", str(folder), "--port", str(port)]
        command += ["--no-access-log", "--log-level", "error"]
        with serving(command, environment, port, self._folder / f"{port}.log", [SERVER_CORE]) as served:
            yield served

    def _access(self, sessions: Sequence[RefreshToken]) -> list[str]:
        issue, now = self._flows.refresh.issue_tokens.access_tokens.issue, utc_now()
        return [issue(session.user_id, session.session_id, now, ("pwd",)) for session in sessions]


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Start the stores, on the core that does not serve."""
    stay_on(LOAD_CORE)
    with tempfile.TemporaryDirectory() as folder:
        async with DevServers(Path(folder, "servers"), durable=False) as servers:
            settings = Settings(
                secret_key=SecretStr(SECRET),
                database_url=SecretStr(servers.database_url),
                redis_url=SecretStr(servers.redis_url),
                redis_timeout=timedelta(seconds=10),
            )
            database, redis = connect(settings)
            await migrate(database)
            flows = wire(settings, database, redis, utc_now)
            await flows.maintain()
            yield World(settings, flows, Path(folder))
            flows.hasher.close()
            await redis.close()
            await database.close()
