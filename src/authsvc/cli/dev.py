"""``authsvc dev``: PostgreSQL, Valkey, the schema and the service, in one process."""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from authsvc.app import create_app
from authsvc.cli.serve import server_options
from authsvc.devservers import DevServers, sigterm_leaves
from authsvc.kit.database import Database
from authsvc.kit.logs import configure_logs
from authsvc.migrations import migrate
from authsvc.settings import InvalidSettings, Settings, environment, is_set, load, variable

_FOLDER = ".authsvc"
_NOT_YET = {"database_url": "sqlite+aiosqlite://", "redis_url": "unix:///"}


def run_dev(where: Path) -> None:
    """Start everything, say how to use it, and serve until Ctrl-C or SIGTERM."""
    variables = {variable("docs_enabled"): "true", variable("log_format"): "console"} | environment(
        env_file=where / ".env"
    )
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_run(where / _FOLDER, variables))


async def _run(folder: Path, variables: Mapping[str, str]) -> None:
    own_postgres = not is_set(variables, "database_url")
    own_redis = not is_set(variables, "redis_url")
    chosen = _choose(variables, {})
    with sigterm_leaves(), _listen(chosen.host, chosen.port) as listener:
        async with DevServers(folder, postgres=own_postgres, redis=own_redis) as servers:
            if servers.notice:
                print(servers.notice)  # noqa: T201  (the terminal is its user interface)
            given = {}
            if not is_set(variables, "secret_key"):
                given["secret_key"] = await asyncio.to_thread(_kept_secret, folder)
            if own_postgres:
                given["database_url"] = servers.database_url
            if own_redis:
                given["redis_url"] = servers.redis_url
            settings = _choose(variables, given)
            configure_logs(settings.log_level, settings.log_format)
            await _migrate(settings)
            await _serve(
                settings, listener, servers, _welcome(settings, folder), owned=own_postgres or own_redis
            )


def _choose(variables: Mapping[str, str], given: Mapping[str, str]) -> Settings:
    """Return the settings; what is not ``given`` yet stands in until it is."""
    stand_in = {"secret_key": secrets.token_urlsafe(48), **_NOT_YET} | dict(given)
    defaults = {variable(name): value for name, value in stand_in.items() if not is_set(variables, name)}
    port = variables.get(variable("port"), "8000")
    return load({variable("public_url"): f"http://localhost:{port}"} | defaults | dict(variables))


@contextlib.contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """Hold the port from the start, so that nothing is started in vain."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise InvalidSettings(
            f"Port {port} on {host} cannot be used ({os.strerror(error.errno or 0)}). "
            f"Choose another: {variable('port')}=8001"
        ) from None
    with listener:
        yield listener


def _kept_secret(folder: Path) -> str:
    path = folder / "secret_key"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text(encoding="utf-8")


async def _migrate(settings: Settings) -> None:
    database = Database(settings.database_url.get_secret_value())
    try:
        await migrate(database)
    finally:
        await database.close()


class _Server(uvicorn.Server):
    """Leaves signals to us, and says when it is ready."""

    welcome = ""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self.welcome, flush=True)  # noqa: T201  (the terminal is its user interface)


async def _serve(
    settings: Settings, listener: socket.socket, servers: DevServers, welcome: str, *, owned: bool
) -> None:
    server = _Server(uvicorn.Config(create_app(settings), **server_options(settings)))
    server.welcome = welcome
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    waiting = {serving}
    if owned:
        failing = asyncio.create_task(servers.wait_failed())
        waiting.add(failing)  # type: ignore[arg-type]  # one ends with None, the other with what failed
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        await asyncio.wait([serving])
    if owned:
        if failing.done():
            raise failing.result()
        failing.cancel()
    if serving.exception():
        raise InvalidSettings(f"The service could not start: {serving.exception()}")


def _welcome(settings: Settings, folder: Path) -> str:
    url = settings.public_url
    docs = f"{url}/docs" if settings.docs_enabled else "off"
    database = urlsplit(settings.database_url.get_secret_value())
    kept = str(folder) if database.query.startswith("host=") else database.path
    return f"""
  authsvc is running    {url}
  API docs              {docs}
  data                  {kept}
  stop                  Ctrl-C

  Try it, in another terminal:

    curl -i {url}/register -H 'content-type: application/json' \\
      -d '{{"username": "ada", "password": "correct horse battery staple"}}'

    curl -s {url}/login -H 'content-type: application/json' \\
      -d '{{"username": "ada", "password": "correct horse battery staple"}}'

    curl -i {url}/user -H "authorization: Bearer $ACCESS_TOKEN"
"""
