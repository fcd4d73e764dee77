"""What happens to PostgreSQL: real wherever the server can be made to do it."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from tests.faults.fault import Fault, Repeated
from tests.faults.stack import Stack
from tests.support.tcp_proxy import Direction

_OF_THE_SERVICE = "FROM pg_stat_activity WHERE application_name = 'authsvc' AND pid <> pg_backend_pid()"
_FULL = """
CREATE FUNCTION faults_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""
_TABLES = ("users", "ended_sessions", "signing_keys", "audit_events")

_VERBS = (b"INSERT", b"UPDATE ", b"DELETE")
_PREPARED = re.compile(rb"__asyncpg_stmt_\w+?__")

FULL_DISK = (
    _FULL,
    *(
        f"CREATE TRIGGER faults_full BEFORE INSERT OR UPDATE OR DELETE ON {table} "
        "EXECUTE FUNCTION faults_full()"
        for table in _TABLES
    ),
)
"""Statements after which every write fails as with a full disk."""

NO_FULL_DISK = "DROP FUNCTION faults_full CASCADE"


class _OfPostgres(Fault):
    of = "postgres"


class PostgresKilled(_OfPostgres):
    name = "postgres-killed"
    sentence = "PostgreSQL's first process is killed (SIGKILL), and the server started again."

    async def inject(self, stack: Stack) -> None:
        assert stack.postgres is not None
        stack.postgres.server.process.send_signal(signal.SIGKILL)
        await stack.postgres.server.process.wait()

    async def heal(self, stack: Stack) -> None:
        await stack.start_postgres()


class PostgresPaused(_OfPostgres):
    name = "postgres-paused"
    sentence = "All processes of PostgreSQL stand still (SIGSTOP), and go on later (SIGCONT)."

    def __init__(self) -> None:
        self._stopped: list[int] = []

    async def inject(self, stack: Stack) -> None:
        for pid in stack.postgres_pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self._stopped.append(pid)

    async def heal(self, stack: Stack) -> None:
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


class PostgresBlackHole(_OfPostgres):
    name = "postgres-black-hole"
    sentence = "The network to PostgreSQL swallows all, both ways, on old and new connections."

    async def inject(self, stack: Stack) -> None:
        stack.database_proxy.black_hole()

    async def heal(self, stack: Stack) -> None:
        await stack.database_proxy.heal()


class PostgresLate(_OfPostgres):
    name = "postgres-200ms"
    sentence = "Each answer of PostgreSQL takes 200 ms longer."
    delay = 0.2

    async def inject(self, stack: Stack) -> None:
        stack.database_proxy.to_client.delay = self.delay

    async def heal(self, stack: Stack) -> None:
        stack.database_proxy.to_client.clear()


class PostgresVeryLate(PostgresLate):
    name = "postgres-2s"
    sentence = "Each answer of PostgreSQL takes 2 s longer: far beyond the deadline."
    delay = 2.0


class PostgresUnanswered(_OfPostgres):
    name = "postgres-unanswered"
    sentence = "New connections to PostgreSQL are never answered, as by a firewall, and old ones are broken."

    async def inject(self, stack: Stack) -> None:
        await stack.database_proxy.ignore()
        stack.database_proxy.reset()

    async def heal(self, stack: Stack) -> None:
        await stack.database_proxy.heal()


class PostgresRefused(_OfPostgres):
    name = "postgres-refused"
    sentence = "Connections to PostgreSQL are refused, and old ones are broken."

    async def inject(self, stack: Stack) -> None:
        await stack.database_proxy.refuse()
        stack.database_proxy.reset()

    async def heal(self, stack: Stack) -> None:
        await stack.database_proxy.heal()


class PostgresCommitLost(_OfPostgres):
    name = "postgres-commit-lost"
    sentence = "What a client commits reaches PostgreSQL and is done; the answer is lost, connections break."

    def __init__(self) -> None:
        self._clear: Direction | None = None
        self._writing: set[bytes] = set()
        """The names of prepared statements that change something, and so commit, by themselves."""

    def commits(self, chunk: bytes) -> bool:
        """Tell whether this, on its way to PostgreSQL, makes it commit something."""
        named = set(_PREPARED.findall(chunk))
        if any(verb in chunk for verb in _VERBS):  # only prepared now, and run by name later
            self._writing |= named
            return False
        return b"COMMIT" in chunk or bool(self._writing & named)

    async def inject(self, stack: Stack) -> None:
        proxy, commits = stack.database_proxy, self.commits
        self._clear = proxy.to_server

        class LosesAnswers(Direction):
            async def carry(
                self, chunk: bytes, due: float, write: Callable[[bytes], Awaitable[None]]
            ) -> None:
                if commits(chunk):
                    proxy.to_client.swallow()
                    asyncio.get_running_loop().call_later(0.1, break_off)
                await super().carry(chunk, due, write)

        def break_off() -> None:
            proxy.reset()
            asyncio.get_running_loop().call_later(0.01, proxy.to_client.clear)

        proxy.to_server = LosesAnswers()
        proxy.reset()  # connections keep the direction that they began with

    async def heal(self, stack: Stack) -> None:
        assert self._clear is not None
        await asyncio.sleep(0.2)
        stack.database_proxy.to_server = self._clear
        await stack.database_proxy.heal()


class PostgresConnectionsExhausted(Repeated, _OfPostgres):
    name = "postgres-connections-exhausted"
    sentence = "Somebody else holds every connection of PostgreSQL, those of the service included."

    def __init__(self) -> None:
        super().__init__()
        self._held: list[Any] = []

    async def prepare(self, stack: Stack) -> None:
        self._held.append(await stack.connect())
        await self.happen(stack)

    async def happen(self, stack: Stack) -> None:
        await self._held[0].execute(f"SELECT pg_terminate_backend(pid) {_OF_THE_SERVICE}")
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                self._held.append(await stack.connect())

    async def clean_up(self, stack: Stack) -> None:
        for each in self._held:
            await each.close()


class PostgresTableLocked(_OfPostgres):
    name = "postgres-table-locked"
    sentence = "Somebody holds LOCK TABLE users."
    statement = "LOCK TABLE users IN ACCESS EXCLUSIVE MODE"

    def __init__(self) -> None:
        self._holder: Any = None

    async def inject(self, stack: Stack) -> None:
        self._holder = await stack.connect()
        await self._holder.execute("BEGIN")
        await self._holder.execute(self.statement)

    async def heal(self, stack: Stack) -> None:
        await self._holder.execute("ROLLBACK")
        await self._holder.close()


class PostgresRowsLocked(PostgresTableLocked):
    name = "postgres-rows-locked"
    sentence = "Somebody holds a lock on every row of users (SELECT … FOR UPDATE)."
    statement = "SELECT 1 FROM users FOR UPDATE"


class PostgresReadOnly(_OfPostgres):
    name = "postgres-read-only"
    sentence = "PostgreSQL takes no writes (default_transaction_read_only), as a standby would."

    async def inject(self, stack: Stack) -> None:
        await stack.sql("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")

    async def heal(self, stack: Stack) -> None:
        await stack.sql(
            "SET default_transaction_read_only = off",
            "ALTER SYSTEM RESET default_transaction_read_only",
            "SELECT pg_reload_conf()",
        )


class PostgresFull(_OfPostgres):
    name = "postgres-full"
    sentence = "Every write fails as with a full disk (SQLSTATE 53100, raised by a trigger on each table)."

    async def inject(self, stack: Stack) -> None:
        await stack.sql(*FULL_DISK)

    async def heal(self, stack: Stack) -> None:
        await stack.sql(NO_FULL_DISK)


class PostgresBackendsTerminated(Repeated, _OfPostgres):
    name = "postgres-terminated"
    sentence = "PostgreSQL ends the connections of the service (pg_terminate_backend), ten times a second."

    async def happen(self, stack: Stack) -> None:
        await stack.sql(f"SELECT pg_terminate_backend(pid) {_OF_THE_SERVICE}")


class PostgresStatementsCancelled(Repeated, _OfPostgres):
    name = "postgres-cancelled"
    sentence = "PostgreSQL cancels what the service asks (pg_cancel_backend), fifty times a second."
    pause = 0.02

    def __init__(self) -> None:
        super().__init__()
        self._connection: Any = None

    async def prepare(self, stack: Stack) -> None:
        self._connection = await stack.connect()

    async def happen(self, stack: Stack) -> None:
        await self._connection.execute(f"SELECT pg_cancel_backend(pid) {_OF_THE_SERVICE}")

    async def clean_up(self, stack: Stack) -> None:
        await self._connection.close()


FAULTS: tuple[type[Fault], ...] = (
    PostgresKilled, PostgresPaused, PostgresBlackHole, PostgresLate, PostgresVeryLate, PostgresUnanswered,
    PostgresRefused, PostgresCommitLost, PostgresConnectionsExhausted, PostgresTableLocked,
    PostgresRowsLocked, PostgresReadOnly, PostgresFull, PostgresBackendsTerminated,
    PostgresStatementsCancelled,
)  # fmt: skip
