"""DevServers: what one starts, and the order of things."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from authsvc.devservers.account import Accounts
from authsvc.devservers.failures import ServerDied
from authsvc.devservers.folders import LockedFolder, remove_if_empty
from authsvc.devservers.postgres import Postgres, start_postgres
from authsvc.devservers.process import Server
from authsvc.devservers.programs import Programs
from authsvc.devservers.valkey import Valkey, start_valkey


class DevServers:
    """PostgreSQL and Valkey with their data in ``folder``, running for as long as the block.

    ``postgres=False`` or ``redis=False`` leaves one out. ``durable=False`` gives up fsync: data outlives
    killed processes all the same, but not a power cut. Entering raises CannotStart, with nothing left
    running, when a server or the folder cannot be had. Enter from the main thread (see ``process``).
    """

    def __init__(
        self,
        folder: Path,
        *,
        postgres: bool = True,
        redis: bool = True,
        durable: bool = True,
        programs: Programs | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        self._folder = folder
        self._with = (postgres, redis)
        self._durable = durable
        self._programs = programs or Programs()
        self._accounts = accounts or Accounts()
        self._claimed: LockedFolder | None = None
        self._postgres: Postgres | None = None
        self._valkey: Valkey | None = None

    @property
    def database_url(self) -> str:
        """``postgresql+asyncpg://…?host=/a/private/directory…``, for SQLAlchemy."""
        if self._postgres is None:
            raise RuntimeError("PostgreSQL is not running")
        return self._postgres.url

    @property
    def redis_url(self) -> str:
        """``unix:///a/private/socket?db=0``, for redis-py."""
        if self._valkey is None:
            raise RuntimeError("Valkey is not running")
        return self._valkey.url

    @property
    def notice(self) -> str | None:
        """A sentence that the user should read, such as that a new major version starts empty."""
        return self._postgres.notice if self._postgres else None

    async def wait_failed(self) -> ServerDied:
        """Wait until a server stops although nobody asked it to; says which, and where its log is."""
        watches = [asyncio.create_task(server.died()) for server in self._servers()]
        if not watches:
            raise RuntimeError("no server is running")
        try:
            done, _ = await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for watch in watches:
                watch.cancel()

    async def __aenter__(self) -> Self:
        self._claimed = await asyncio.to_thread(LockedFolder.claim, self._folder)
        try:
            outcomes = await asyncio.gather(
                self._start_postgres(self._claimed.path),
                self._start_valkey(self._claimed.path),
                return_exceptions=True,
            )
            _raise_first(outcomes)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _start_postgres(self, folder: Path) -> None:
        if self._with[0]:
            programs = await asyncio.to_thread(self._programs.find_postgres)
            self._postgres = await start_postgres(folder, programs, self._accounts, durable=self._durable)

    async def _start_valkey(self, folder: Path) -> None:
        if self._with[1]:
            program = await asyncio.to_thread(self._programs.find_valkey)
            self._valkey = await start_valkey(folder, program, durable=self._durable)

    def _servers(self) -> list[Server]:
        return [running.server for running in (self._postgres, self._valkey) if running]

    async def _stop(self) -> None:
        """Stop both, even when cancelled meanwhile: a web server that Ctrl-C ended tells it a second time."""
        stopping = asyncio.gather(*(_stop(running) for running in (self._postgres, self._valkey) if running))
        cancelled: asyncio.CancelledError | None = None
        while not stopping.done():
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError as error:
                cancelled = error
        self._postgres = self._valkey = None
        if self._claimed is not None:
            self._claimed.release()
            self._claimed = None
        if cancelled is not None:
            raise cancelled
        stopping.result()


async def _stop(running: Postgres | Valkey) -> None:
    await running.server.stop()
    await asyncio.to_thread(remove_if_empty, running.sockets)


def _raise_first(outcomes: Iterable[BaseException | None]) -> None:
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
