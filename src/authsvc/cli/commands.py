"""The commands. Each reads its settings, does one thing, and ends with 0, or with 1 and a sentence.

What a command needs is imported when it runs, so that ``--help`` answers at once.
"""
# ruff: noqa: PLC0415 - for that reason

import sys
from pathlib import Path
from typing import Annotated

import typer

from authsvc import __version__

app = typer.Typer(
    help="A self-hosted authentication service.",
    epilog="Everything is set by AUTHSVC_* variables; `authsvc settings` lists them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
users = typer.Typer(help="Look after users.", no_args_is_help=True, rich_markup_mode=None)
keys = typer.Typer(
    help="Look after the keys that sign access tokens.", no_args_is_help=True, rich_markup_mode=None
)
audit = typer.Typer(help="Read the audit trail.", no_args_is_help=True, rich_markup_mode=None)
grants = typer.Typer(
    help="Print the least that the service must be allowed.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(users, name="users")
app.add_typer(keys, name="keys")
app.add_typer(audit, name="audit")
app.add_typer(grants, name="grants")

Login = Annotated[str, typer.Argument(help="A username or an e-mail address.", show_default=False)]


def main() -> None:
    """Run a command; tell what went wrong in a sentence, not in a traceback."""
    try:
        app(prog_name="authsvc")
    except Exception as error:
        from authsvc.cli.failures import sentence

        told = sentence(error)
        if told is None:
            raise
        sys.exit(f"authsvc: {told}")


@app.command()
def dev() -> None:
    """Start everything for development; Ctrl-C stops it.

    Starts PostgreSQL, Valkey and the service, with all data in ./.authsvc, and brings the schema up to
    date. Where AUTHSVC_DATABASE_URL or AUTHSVC_REDIS_URL is set, in the environment or in ./.env, that
    server is used instead. AUTHSVC_PORT chooses the port.

    Ends with 0 when Ctrl-C or SIGTERM stopped it.
    """
    from authsvc.cli.dev import run_dev

    run_dev(Path.cwd())


@app.command()
def serve() -> None:
    """Start the service for production.

    Needs AUTHSVC_SECRET_KEY, AUTHSVC_DATABASE_URL and AUTHSVC_REDIS_URL, and a schema that is up to date:
    run `authsvc migrate` first. AUTHSVC_WORKERS chooses how many processes serve.

    SIGTERM and Ctrl-C let requests under way finish, and then it ends with 0.
    """
    from authsvc.cli.serve import run_service

    run_service()


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date.

    Safe to run at any time, and by several at once.
    """
    from authsvc.cli.operate import migrate_schema

    applied = migrate_schema()
    typer.echo(f"Applied: {', '.join(applied)}." if applied else "The schema is up to date.")


@app.command()
def doctor() -> None:
    """Say what is wrong here, and what to do about it.

    Asks everything that the service depends on, as /readyz does. Ends with 1 if anything is wrong.
    """
    from authsvc.cli.doctor import examine

    report, all_is_well = examine()
    typer.echo(report)
    if not all_is_well:
        raise typer.Exit(1)


@app.command()
def settings() -> None:
    """List all settings, as a Markdown table."""
    from authsvc.cli.operate import settings_table

    typer.echo(settings_table())


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@users.command()
def disable(login: Login) -> None:
    """Keep a user out; all their sessions end at once."""
    from authsvc.cli.operate import set_user_disabled

    typer.echo(f"{set_user_disabled(login, disabled=True)} is disabled; all their sessions have ended.")


@users.command()
def enable(login: Login) -> None:
    """Let a disabled user in again."""
    from authsvc.cli.operate import set_user_disabled

    typer.echo(f"{set_user_disabled(login, disabled=False)} is enabled.")


@keys.command()
def rotate() -> None:
    """Publish a new signing key; it takes over when everybody knows it."""
    from authsvc.cli.operate import rotate_signing_key

    begins = rotate_signing_key()
    if begins is None:
        typer.echo("A new key is waiting for its turn already.")
    else:
        typer.echo(f"The new key is published. It signs from {begins:%Y-%m-%d %H:%M:%S} UTC on.")


@audit.command(name="list")
def list_events(
    user: Annotated[
        str | None, typer.Option(help="Of one user: a username, an e-mail address or an id.")
    ] = None,
    event: Annotated[str | None, typer.Option(help="Of one kind, as login_succeeded.")] = None,
    since: Annotated[str | None, typer.Option(help="From a time on, or from so long ago: 7d.")] = None,
) -> None:
    """Print events as JSON, one a line, the oldest first."""
    from authsvc.cli.ledger import print_events

    print_events(user, event, since)


@audit.command()
def prune() -> None:
    """Delete events that are older than AUTHSVC_AUDIT_TTL.

    The service does so by itself, unless its role may not delete events: then run this now and then, as the
    owner.
    """
    from authsvc.cli.ledger import forget_old_events

    typer.echo(f"{forget_old_events()} events were deleted.")


@grants.command()
def database(
    role: Annotated[
        str, typer.Argument(help="The service's role, which is not the owner.", show_default=False)
    ],
) -> None:
    """Print the SQL that lets a role of PostgreSQL serve: for the owner, after each `authsvc migrate`."""
    from authsvc.cli.grants import database_grants

    typer.echo(database_grants(role))


@grants.command()
def redis(user: Annotated[str, typer.Argument(help="The service's user.", show_default=False)]) -> None:
    """Print the command that makes a user of Redis who may serve; put a password in place of PASSWORD."""
    from authsvc.cli.grants import redis_grants
    from authsvc.environment import load

    typer.echo(redis_grants(user, load().redis_prefix))
