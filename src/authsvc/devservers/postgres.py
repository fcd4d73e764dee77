"""PostgreSQL: its data directory, its options, when it is ready.

Whoever reaches the socket is let in (``trust``): its directory is private (0700) to the user whose data it
is, which protects as much as a password in a file beside it would, and there is no other way in.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from authsvc.devservers.account import Account, Accounts, ourselves, within_reach
from authsvc.devservers.failures import CannotStart, log_ending
from authsvc.devservers.folders import socket_directory
from authsvc.devservers.process import Command, Kind, Server, output_of, stop_leftover

_KIND = Kind("PostgreSQL", stop=signal.SIGINT, stop_now=signal.SIGQUIT)  # fast and immediate shutdown
_NAME = "authsvc"  # of the role and the database
_PORT = 5432  # only a part of the socket's name
_SOCKET = f".s.PGSQL.{_PORT}"
_READY_WITHIN = 60.0  # seconds; replaying a long log takes a while
_POLL = 0.01

_INITDB = (
    *("-U", _NAME, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C"),
    # The kernel writes the new files to disk by itself within a minute; a killed process loses nothing.
    *("--no-sync", "--no-instructions"),
)
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "jit": "off",  # these queries are short
}
# Without fsync a commit still reaches the kernel before it is acknowledged: it outlives a killed server,
# not a power cut. synchronous_commit stays on, for without it a killed server would lose commits.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server with the empty-at-first database ``authsvc``."""

    server: Server
    sockets: Path
    notice: str | None

    @property
    def url(self) -> str:
        """For SQLAlchemy. The port is told because PGPORT in the environment would be taken otherwise."""
        return f"postgresql+asyncpg://{_NAME}@/{_NAME}?host={self.sockets}&port={_PORT}"


async def start_postgres(folder: Path, programs: Path, accounts: Accounts, *, durable: bool) -> Postgres:
    """Start the server of ``folder`` (claimed by us, so no other owner lives); CannotStart when it fails."""
    version = await _version(programs)
    major = f"pg{version.partition('.')[0]}"

    async def namespace_works(inside: Account) -> bool:
        return await output_of(inside, str(programs / "postgres"), "--version") is not None

    account = await accounts.choose(folder / major, namespace_works=namespace_works)
    reachable = await asyncio.to_thread(within_reach, programs, account, version)
    data = account.home / major
    log, lock = folder / "postgres.log", folder / "postgres.lock"

    def command(program: str, *options: str) -> Command:
        return Command(_KIND, (str(reachable / program), *options), account.home, account, log, lock)

    last = await stop_leftover(lock, _KIND)
    notice = None
    if not await asyncio.to_thread((data / "PG_VERSION").exists):
        notice = await asyncio.to_thread(_notice_of_older, folder, major)
        half = await asyncio.to_thread(_cleared, data)
        await command("initdb", "-D", str(half), *_INITDB).finish()
        await asyncio.to_thread(half.rename, data)
    await asyncio.to_thread(_remove_stale_pid, data, last)
    sockets = await asyncio.to_thread(_sockets, account)
    options = _OPTIONS if durable else _OPTIONS | _NOT_DURABLE
    set_options = (word for name, value in options.items() for word in ("-c", f"{name}={value}"))
    serve = command("postgres", "-D", str(data), "-k", str(sockets), "-p", str(_PORT), *set_options)
    server = await Server.start(serve)
    try:
        await _ready(server, sockets)
    except BaseException:
        await server.stop()
        raise
    return Postgres(server, sockets, notice)


async def _version(programs: Path) -> str:
    """Such as ``18.4``."""
    printed = await output_of(ourselves(programs), str(programs / "postgres"), "--version")
    found = re.search(r"\d+[.\w]*", printed or "")
    if not found:
        raise CannotStart(f"{programs / 'postgres'} cannot be run.")
    return found[0]


def _cleared(data: Path) -> Path:
    """Where the new cluster is made; it gets its name when it is complete. An interrupted one is removed."""
    half = data.with_name(f"{data.name}.new")
    if half.exists():
        shutil.rmtree(half)
    return half


def _notice_of_older(folder: Path, name: str) -> str | None:
    older = sorted(
        path.name for path in folder.glob("pg[0-9]*") if path.name != name and path.suffix != ".new"
    )
    if not older:
        return None
    return (
        f"PostgreSQL {name[2:]} starts with an empty database in {folder / name}; "
        f"the data of the earlier version stays in {folder / older[-1]}."
    )


def _remove_stale_pid(data: Path, last: int | None) -> None:
    """Remove what a killed server left, if it was the one that held our lock: it has ended for certain.

    PostgreSQL itself only asks whether some process has that id, and would refuse to start when a stranger
    has it now (as after a restart of a container). Any other file is left for PostgreSQL to judge.
    """
    left = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError):
        if last is not None and left.read_text().partition("\n")[0] == str(last):
            left.unlink()


def _sockets(account: Account) -> Path:
    """The directory for the socket, without what an earlier server left in it."""
    sockets = socket_directory(account.home / "run-postgres", account.owner)
    for name in (_SOCKET, f"{_SOCKET}.lock"):
        (sockets / name).unlink(missing_ok=True)
    return sockets


async def _ready(server: Server, sockets: Path) -> None:
    """Wait until the server answers, and make the database if it is not there."""
    log, deadline = server.command.log, asyncio.get_running_loop().time() + _READY_WITHIN
    while server.process.returncode is None:
        if asyncio.get_running_loop().time() > deadline:
            ending = await asyncio.to_thread(log_ending, log)
            raise CannotStart(f"PostgreSQL was not ready within {_READY_WITHIN:.0f} seconds. {ending}")
        if not await asyncio.to_thread(os.path.exists, sockets / _SOCKET):
            await asyncio.sleep(_POLL)
            continue
        try:
            connection = await asyncpg.connect(
                host=str(sockets), port=_PORT, user=_NAME, password="", database="postgres", ssl=False
            )
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            await asyncio.sleep(_POLL)
            continue
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", _NAME):
                await connection.execute(f"CREATE DATABASE {_NAME}")
        finally:
            await connection.close()
        return
    ending = await asyncio.to_thread(log_ending, log)
    raise CannotStart(f"PostgreSQL did not start. {ending}")
