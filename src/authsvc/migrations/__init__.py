"""The schema's history, and how a database is brought up to date. Alembic, without an ini file.

A migration runs while instances of the previous version serve, so each must leave that version working: it
adds what the new version needs, and what is no longer needed is removed a release later. Hence a schema that
is newer than this version is as good as its own.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from authsvc.kit.database import Database, DatabaseLimits

_LOCK = 0x6175_7468_7376_6301
"""The advisory lock of this service's migrations: "authsvc" in ASCII, and a number."""

_PATIENCE = timedelta(hours=1)
"""How long one statement, or waiting for another instance's migration, may take."""


async def migrate(database: Database) -> list[str]:
    """Bring the schema up to date; return the revisions that were applied, oldest first.

    All or nothing: one transaction. Any number of instances may call this at once; one applies the
    revisions while the others wait, and find nothing left to do. It uses a connection of its own to the
    same URL, without the short deadlines that suit requests. Raises `kit.outage.Outage`.
    """
    script = await asyncio.to_thread(_script)
    limits = DatabaseLimits(pool_size=1, command_timeout=_PATIENCE.total_seconds())
    patient = await asyncio.to_thread(Database, database.url, limits)
    try:
        async with patient.write() as connection:  # on SQLite this alone is the lock
            if not patient.is_sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                # Whoever waits for a table's lock makes all later requests for that table wait too.
                await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            return await connection.run_sync(_upgrade, script)
    finally:
        await patient.close()


async def pending(database: Database) -> bool:
    """Whether the schema is older than this version needs, or absent. Raises `kit.outage.Outage`."""
    return await examine(database) == "schema_outdated"


async def examine(database: Database) -> Literal["ok", "schema_outdated", "read_only"]:
    """Return "ok", or one word for what this version cannot do there. Raises `kit.outage.Outage`.

    - ``schema_outdated``: the schema is older than this version needs, or absent. A revision that this
      version does not know is of a newer one, and no reason to stop serving.
    - ``read_only``: PostgreSQL takes no writes, as a standby
    """
    script = await asyncio.to_thread(_script)
    read_only = "'off'" if database.is_sqlite else "current_setting('transaction_read_only')"
    async with database.read() as connection:
        try:
            found = await connection.execute(text(f"SELECT version_num, {read_only} FROM alembic_version"))  # noqa: S608  (as above)
            rows = found.all()
        except (ProgrammingError, OperationalError) as error:
            if not _says_no_such_table(error):
                raise
            return "schema_outdated"
    if _is_outdated([revision for revision, _ in rows], script):
        return "schema_outdated"
    return "read_only" if rows[0][1] == "on" else "ok"


def alembic_config(connection: Connection) -> Config:
    """Return what Alembic's commands take, to run on this connection inside its transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _is_outdated(applied: Collection[str], script: ScriptDirectory) -> bool:
    heads = script.get_heads()
    older = {each.revision for each in script.walk_revisions()}.difference(heads)
    return not applied or not older.isdisjoint(applied)


def _upgrade(connection: Connection, script: ScriptDirectory) -> list[str]:
    applied: list[str] = []

    def steps(current: tuple[str, ...], _: MigrationContext) -> Iterable[MigrationStep]:
        if not _is_outdated(current, script):
            return  # up to date, or newer than what is known here
        for revision in reversed(list(script.iterate_revisions("heads", current))):
            applied.append(revision.revision)
            yield MigrationStep.upgrade_from_script(script.revision_map, revision)

    _run(connection, script, steps)
    return applied


def _run(connection: Connection, script: ScriptDirectory, steps: Callable[..., Any]) -> None:
    """Run ``steps`` as Alembic's own commands do, but without env.py: no file is read on the event loop."""
    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()


@cache
def _script() -> ScriptDirectory:
    script = ScriptDirectory(str(Path(__file__).parent))
    script.get_heads()  # reads all revisions, once
    return script


def _says_no_such_table(error: ProgrammingError | OperationalError) -> bool:
    undefined_table = "42P01"  # PostgreSQL, appendix A
    return getattr(error.orig, "sqlstate", None) == undefined_table or "no such table" in str(error.orig)
