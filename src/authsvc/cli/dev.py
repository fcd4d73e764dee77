"""``authsvc dev``: PostgreSQL, Valkey, the schema and the service, in one process."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import uvicorn
import uvloop

from authsvc.app import create_app
from authsvc.cli.failures import CommandFailed
from authsvc.cli.listening import listening, local_url
from authsvc.cli.operate import bring_up_to_date
from authsvc.cli.serve import check, server_options
from authsvc.cli.welcome import Places, welcome
from authsvc.devservers import DevServers, sigterm_leaves
from authsvc.devservers.folders import LockedFolder
from authsvc.environment import environment, is_set, load, variable
from authsvc.kit.logs import configure_logs
from authsvc.server.stopping import OrderlyServer
from authsvc.settings import InvalidSettings, Settings

_FOLDER = ".authsvc"
_NOT_YET = {"database_url": "postgresql+asyncpg:///", "redis_url": "unix:///"}
_GRACE = timedelta(seconds=3)  # for requests under way: whoever develops does not like to wait


def run_dev(where: Path) -> None:
    """Start everything, say how to use it, and serve until Ctrl-C or SIGTERM."""
    defaults = {variable("docs_enabled"): "true", variable("log_format"): "console"}
    variables = defaults | environment(env_file=where / ".env")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(where / _FOLDER, variables))
    except KeyboardInterrupt:
        pass  # everything has been stopped in order
    except SystemExit as leaving:
        if leaving.code != 128 + signal.SIGTERM:  # likewise
            raise


async def _run(folder: Path, variables: Mapping[str, str]) -> None:
    own_postgres = not is_set(variables, "database_url")
    own_redis = not is_set(variables, "redis_url")
    chosen = _choose(variables, _NOT_YET)
    with sigterm_leaves(), _listen(chosen, folder) as listener:
        url = local_url(listener)
        async with DevServers(folder, postgres=own_postgres, redis=own_redis) as servers:
            if servers.notice:
                print(servers.notice)  # noqa: T201  (the terminal is its user interface)
            given = {"public_url": url, "secret_key": await asyncio.to_thread(_kept_secret, folder)}
            if own_postgres:
                given["database_url"] = servers.database_url
            if own_redis:
                given["redis_url"] = servers.redis_url
            settings = _choose(variables, given)
            configure_logs("warning", settings.log_format)
            await bring_up_to_date(settings)
            await check(settings)
            configure_logs(settings.log_level, settings.log_format)
            docs = f"{url}/docs" if settings.docs_enabled else None
            places = Places(url, docs, str(folder), own_postgres, own_redis)
            server = _Server(settings, welcome(places))
            await _serve(server, listener, servers if own_postgres or own_redis else None)


def _choose(variables: Mapping[str, str], given: Mapping[str, str]) -> Settings:
    """Return the settings; ``given`` stands in for what is not set."""
    stand_in = {"secret_key": secrets.token_urlsafe(48)} | dict(given)
    missing = {variable(name): value for name, value in stand_in.items() if not is_set(variables, name)}
    return load(missing | dict(variables))


@contextlib.contextmanager
def _listen(settings: Settings, folder: Path) -> Iterator[socket.socket]:
    """Hold the port. Where that fails because this folder's service has it, that is said instead."""
    try:
        held = contextlib.ExitStack()
        listener = held.enter_context(listening(settings.host, settings.port))
    except InvalidSettings:
        if folder.is_dir():
            LockedFolder.claim(folder).release()
        raise
    with held:
        yield listener


def _kept_secret(folder: Path) -> str:
    """Return the secret of this folder, made at the first start. The folder is ours alone."""
    path = folder / "secret_key"
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)  # complete or not there at all
    return path.read_text(encoding="utf-8")


class _Server(OrderlyServer):
    """Leaves signals to us, and says when it is ready."""

    def __init__(self, settings: Settings, welcome_text: str) -> None:
        options = server_options(settings, grace=_GRACE)
        # The welcome says what the server's own first and last lines would.
        super().__init__(uvicorn.Config(create_app(settings), log_level="warning", **options))
        self._welcome = welcome_text

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._welcome, flush=True)  # noqa: T201  (the terminal is its user interface)


async def _serve(server: _Server, listener: socket.socket, servers: DevServers | None) -> None:
    """Serve until cancelled, or until a server that we own stops by itself: ServerDied."""
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    failing = asyncio.create_task(servers.wait_failed()) if servers else None
    watched: set[asyncio.Task[object]] = {task for task in (serving, failing) if task}
    try:
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        await asyncio.wait([serving])
    if failing is not None:
        if failing.done():
            raise failing.result()
        failing.cancel()
    if error := serving.exception():
        raise CommandFailed(f"The service could not start: {error}") from error
