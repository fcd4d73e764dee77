import asyncio
import logging
from io import StringIO

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, make_url, text

from authsvc.kit.database import Database, DatabaseLimits, metadata
from authsvc.kit.outage import Outage
from authsvc.migrations import _is_outdated, _run, _script, alembic_config, examine, migrate, pending
from authsvc.sessions import tables as sessions_tables  # noqa: F401 - registers its table with the metadata
from authsvc.tokens import tables as tokens_tables  # noqa: F401 - likewise
from authsvc.users import tables as users_tables  # noqa: F401 - likewise

HISTORY = ["0001", "0002"]


async def table_names(database: Database) -> set[str]:
    async with database.read() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def test_an_empty_database_becomes_what_the_tables_say(database):
    assert await migrate(database) == HISTORY
    async with database.read() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    assert differences == []
    assert await table_names(database) == {*metadata.tables, "alembic_version"}


async def test_constraints_bear_the_same_names_as_in_the_tables(database):
    await migrate(database)
    async with database.read() as connection:
        found = await connection.run_sync(constraint_names)
    expected = {str(each.name) for table in metadata.tables.values() for each in table.constraints}
    assert found == expected


def constraint_names(connection):
    inspector = inspect(connection)
    names = set()
    for table in metadata.tables:
        names.add(inspector.get_pk_constraint(table)["name"])
        names.update(each["name"] for each in inspector.get_unique_constraints(table))
        names.update(each["name"] for each in inspector.get_foreign_keys(table))
    return names


async def test_keys_are_compared_byte_by_byte(database):  # A044
    await migrate(database)
    if database.is_sqlite:
        query = "SELECT sql FROM sqlite_master WHERE name = 'users'"
        async with database.read() as connection:
            assert (
                "COLLATE" not in (await connection.execute(text(query))).scalar_one()
            )  # BINARY is the default
        return
    query = """
        SELECT collation_name FROM information_schema.columns
        WHERE table_name = 'users' AND column_name IN ('username_key', 'email_key')"""
    async with database.read() as connection:
        assert (await connection.execute(text(query))).scalars().all() == ["C", "C"]


@pytest.fixture
async def answer(database):
    """A fixture, because Alembic's own commands read files, and a test may not do that on the loop."""
    await migrate(database)
    written = StringIO()

    def check(connection):
        config = alembic_config(connection)
        config.stdout = written
        command.check(config)

    async with database.write() as connection:
        await connection.run_sync(check)
    return written.getvalue()


async def test_alembics_own_commands_find_their_way(answer):
    assert answer == "No new upgrade operations detected.\n"


async def test_a_second_run_finds_nothing_to_do(database):
    assert await migrate(database) == HISTORY
    assert await migrate(database) == []


async def test_ten_instances_that_start_at_once_apply_each_revision_once(database):
    applied = await asyncio.gather(*(migrate(database) for _ in range(10)))
    assert sorted(applied) == [[]] * 9 + [HISTORY]


async def test_a_fresh_database_has_no_users(database):  # A017
    await migrate(database)
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM users"))).scalar_one() == 0


async def test_pending_tells_whether_there_is_something_to_do(database):
    assert await pending(database)
    await migrate(database)
    assert not await pending(database)


async def test_a_newer_schema_is_as_good_as_ones_own_and_left_alone(database):
    await migrate(database)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert not await pending(database)
    assert await migrate(database) == []


async def test_a_postgres_that_takes_no_writes_is_told_and_not_pending(database):  # A107
    await migrate(database)
    assert await examine(database) == "ok"
    if database.is_sqlite:
        return
    name = make_url(database.url).database
    async with database.read() as connection:
        await connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    told = await asyncio.to_thread(Database, database.url)
    assert await examine(told) == "read_only"
    assert not await pending(told)
    await told.close()


async def test_a_history_without_any_revision_is_pending(database):
    await migrate(database)
    async with database.write() as connection:
        await connection.execute(text("DELETE FROM alembic_version"))
    assert await pending(database)


@pytest.mark.parametrize(
    ("applied", "outdated"), [([], True), (["1"], True), (["2"], True), (["3"], False), (["4"], False)]
)
def test_only_a_revision_known_to_be_older_is_outdated(tmp_path, applied, outdated):
    (tmp_path / "versions").mkdir()
    for revision, before in (("1", None), ("2", "1"), ("3", "2")):
        step = f"revision, down_revision = {revision!r}, {before!r}\n"
        (tmp_path / "versions" / f"{revision}.py").write_text(step)
    assert _is_outdated(applied, ScriptDirectory(str(tmp_path))) == outdated


async def test_a_database_out_of_reach_is_an_outage_and_not_pending():
    out_of_reach = Database("postgresql+asyncpg://nobody:nothing@127.0.0.1:1/none?ssl=disable")
    with pytest.raises(Outage):
        await pending(out_of_reach)
    with pytest.raises(Outage):
        await migrate(out_of_reach)
    await out_of_reach.close()


async def test_a_migration_that_fails_leaves_nothing_behind(database):
    async with database.write() as connection:
        await connection.execute(
            text("CREATE TABLE signing_keys (mine INTEGER)")
        )  # in the way of the last step
    with pytest.raises(Outage):
        await migrate(database)
    assert await table_names(database) == {"signing_keys"}


def steps_down(current, _):
    for revision in _script().iterate_revisions(current, "base"):
        yield MigrationStep.downgrade_from_script(_script().revision_map, revision)


async def test_every_revision_can_be_undone(database):
    await migrate(database)
    async with database.write() as connection:
        await connection.run_sync(_run, _script(), steps_down)
    assert await table_names(database) == {"alembic_version"}
    assert await migrate(database) == HISTORY


async def test_migrating_leaves_the_logging_as_it_was(database):
    root = logging.getLogger()
    before = (root.level, list(root.handlers), root.disabled)
    await migrate(database)
    assert (root.level, list(root.handlers), root.disabled) == before
    assert not logging.getLogger("authsvc").disabled


async def test_migrating_does_not_need_the_pool_that_serves_requests(database):
    limits = DatabaseLimits(pool_size=1, pool_timeout=0.1)
    small = await asyncio.to_thread(Database, database.url, limits)
    async with small.read():
        assert await migrate(small) == HISTORY
    await small.close()
