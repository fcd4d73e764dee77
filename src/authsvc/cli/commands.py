"""The commands. Each reads its settings, does one thing, and ends with 0, or with 1 and a sentence."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from authsvc import __version__
from authsvc.app import connect
from authsvc.cli.dev import run_dev
from authsvc.cli.serve import run_service
from authsvc.devservers import DevServersError
from authsvc.kit.clock import utc_now
from authsvc.kit.database import Database
from authsvc.kit.logs import configure_logs
from authsvc.kit.outage import Outage
from authsvc.migrations import migrate as apply_migrations
from authsvc.settings import InvalidSettings, Settings, describe, load
from authsvc.tokens.key_cipher import SigningKeyError
from authsvc.wiring import Flows, wire

T = TypeVar("T")

app = typer.Typer(
    name="authsvc",
    help="A self-hosted authentication service. Settings are AUTHSVC_* variables: `authsvc settings`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
users = typer.Typer(help="Look after users.", no_args_is_help=True, rich_markup_mode=None)
keys = typer.Typer(
    help="Look after the keys that sign access tokens.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(users, name="users")
app.add_typer(keys, name="keys")

Login = Annotated[str, typer.Argument(help="A username or an e-mail address.")]


def main() -> None:
    """Run a command; tell what went wrong in a sentence, not in a traceback."""
    try:
        app()
    except (InvalidSettings, DevServersError, SigningKeyError) as error:
        sys.exit(f"authsvc: {error}")
    except Outage as outage:
        sys.exit(f"authsvc: {outage} ({outage.__cause__ or 'no answer'})")


@app.command()
def dev() -> None:
    """Start everything for development: PostgreSQL, Valkey, the schema and the service.

    Data stays in ./.authsvc. Where AUTHSVC_DATABASE_URL or AUTHSVC_REDIS_URL is set (in the environment
    or in .env), that server is used instead.
    """
    run_dev(Path.cwd())


@app.command()
def serve() -> None:
    """Start the service for production. Run `authsvc migrate` first."""
    run_service(load())


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date. Safe to run at any time, and by several at once."""
    settings = load()
    configure_logs("warning", settings.log_format)
    applied = _run(lambda: _migrate(settings))
    typer.echo(f"Applied: {', '.join(applied)}." if applied else "The schema is up to date.")


@app.command()
def settings() -> None:
    """List all settings as a Markdown table."""
    typer.echo("| variable | default | |\n|---|---|---|")
    for name, default, description in describe():
        typer.echo(f"| `{name}` | {default} | {description} |")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@users.command()
def disable(login: Login) -> None:
    """Keep a user out: every session ends at once."""
    _set_disabled(login, disabled=True)


@users.command()
def enable(login: Login) -> None:
    """Let a disabled user in again."""
    _set_disabled(login, disabled=False)


@keys.command()
def rotate() -> None:
    """Publish a new signing key now; it takes over when everybody knows it."""
    begins = _with_flows(lambda flows: flows.rotate_signing_key())
    if begins is None:
        typer.echo("A new key is waiting for its turn already.")
    else:
        typer.echo(f"The new key is published, and signs from {begins:%Y-%m-%d %H:%M:%S} UTC on.")


def _set_disabled(login: str, *, disabled: bool) -> None:
    user = _with_flows(lambda flows: flows.set_user_disabled(login, disabled=disabled))
    if user is None:
        sys.exit("authsvc: there is no such user.")
    typer.echo(f"{user.username} is {'disabled; all sessions have ended' if disabled else 'enabled'}.")


async def _migrate(settings: Settings) -> list[str]:
    database = Database(settings.database_url.get_secret_value())
    try:
        return await apply_migrations(database)
    finally:
        await database.close()


def _with_flows(act: Callable[[Flows], Awaitable[T]]) -> T:
    settings = load()
    configure_logs("warning", settings.log_format)

    async def run() -> T:
        async with _open_flows(settings) as flows:
            return await act(flows)

    return _run(run)


@contextlib.asynccontextmanager
async def _open_flows(settings: Settings) -> AsyncIterator[Flows]:
    database, redis = connect(settings)
    flows = wire(settings, database, redis, utc_now)
    try:
        yield flows
    finally:
        flows.hasher.close()
        await redis.close()
        await database.close()


def _run(act: Callable[[], Awaitable[T]]) -> T:
    async def run() -> T:
        return await act()

    with _quiet_interrupt():
        return asyncio.run(run())
    raise AssertionError  # not reached: an interrupt exits


@contextlib.contextmanager
def _quiet_interrupt() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(130)
