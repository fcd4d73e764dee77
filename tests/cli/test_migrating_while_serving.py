"""A newer schema, and then a newer version, arrive while instances serve: no request fails.

The newer version is this one with one more migration, since no older one can be run from here.
"""

import asyncio
import os
import shutil
from pathlib import Path

import httpx
import pytest
from alembic.runtime.migration import MigrationStep
from sqlalchemy import make_url, text
from tests.attack.case import HOST
from tests.cli.fleet import Clients, Instance, replace_in_turn, settings_of
from tests.cli.running import PATIENCE, SOURCE, authsvc, started
from tests.support.balancer import balancing
from tests.support.stores import Urls
from tests.support.waiting import eventually

from authsvc.kit.database import Database
from authsvc.migrations import _run, _script

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(300)

NEWER = '''
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9001", "{head}"


def upgrade():
    """What most migrations do: a column, an index, a table that refers to a known one."""
    op.add_column("users", sa.Column("nickname", sa.String(64), nullable=True))
    op.create_index("ix_users_nickname", "users", ["nickname"])
    op.create_table(
        "badges",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    )
'''


@pytest.fixture
def newer_source(tmp_path: Path) -> str:
    """Where the newer version lies."""
    shutil.copytree(SOURCE, tmp_path / "newer", ignore=shutil.ignore_patterns("__pycache__"))
    (head,) = _script().get_heads()
    step = tmp_path / "newer/authsvc/migrations/versions/9001_newer.py"
    step.write_text(NEWER.format(head=head), encoding="utf-8")
    return str(tmp_path / "newer")


async def revision_of(url: str) -> str:
    database = await asyncio.to_thread(Database, url)
    async with database.read() as connection:
        revision: str = (
            await connection.execute(text("SELECT version_num FROM alembic_version"))
        ).scalar_one()
    await database.close()
    return revision


async def test_a_newer_schema_and_then_a_newer_version_fail_no_request(servers: Urls, tmp_path, newer_source):
    instances = [Instance(settings_of(servers), tmp_path) for _ in range(2)]
    newer = instances[0].env | {"PYTHONPATH": newer_source}
    try:
        await asyncio.gather(*(each.start() for each in instances))
        async with balancing([each.port for each in instances]) as balancer:

            def connect() -> httpx.AsyncClient:
                address = f"http://127.0.0.1:{balancer.port}"
                return httpx.AsyncClient(base_url=address, headers={"Host": HOST}, timeout=30, verify=False)  # noqa: S501 - plain HTTP

            clients = Clients(connect)
            async with clients.at_work(4):
                migrated = await asyncio.to_thread(authsvc, "migrate", where=tmp_path, env=newer)
                assert migrated.returncode == 0, migrated.stderr
                assert await revision_of(servers.database) == "9001"
                served = clients.answers.total()
                await eventually(lambda: clients.answers.total() > served + 200, within=PATIENCE)
                for each in instances:
                    each.env["PYTHONPATH"] = newer_source
                await replace_in_turn(instances, connect)
                older = newer | {"PYTHONPATH": os.fspath(SOURCE)}
                left_alone = await asyncio.to_thread(authsvc, "migrate", where=tmp_path, env=older)
                assert left_alone.returncode == 0, left_alone.stderr
        assert await revision_of(servers.database) == "9001"
        assert clients.failures == []
    finally:
        for each in instances:
            each.close()


async def test_an_instance_that_comes_before_its_migration_waits_for_it(servers: Urls, tmp_path):
    """What a version meets that is one migration ahead of the schema; it is not started anew."""
    database = await at_first_revision(servers)
    env = settings_of(Urls(database, servers.redis))
    with started("serve", tmp_path, env) as service:
        await asyncio.to_thread(service.wait_until_said, '"event": "listening"', 1)
        async with httpx.AsyncClient(base_url=service.url, timeout=30, verify=False) as client:  # noqa: S501 - plain HTTP
            unready = await client.get("/readyz")
            assert unready.status_code == 503
            assert unready.json()["dependencies"]["database"] == "schema_outdated"
            migrated = await asyncio.to_thread(authsvc, "migrate", where=tmp_path, env=env)
            assert migrated.returncode == 0, migrated.stderr

            async def is_ready() -> bool:
                return (await client.get("/readyz")).status_code == 200

            await eventually(is_ready, within=PATIENCE)
            body = {"username": "ada", "password": "a lantern over quiet water"}
            assert (await client.post("/register", json=body)).status_code == 201


async def at_first_revision(servers: Urls) -> str:
    """Make a database with the first revision alone; return its URL."""
    url = make_url(servers.database).set(database="first_revision").render_as_string(hide_password=False)
    server = await asyncio.to_thread(Database, servers.database)
    async with server.read() as connection:
        await connection.execute(text("CREATE DATABASE first_revision"))
    await server.close()
    database = await asyncio.to_thread(Database, url)
    script = await asyncio.to_thread(_script)
    (first,) = script.get_bases()
    async with database.write() as connection:
        await connection.run_sync(
            _run,
            script,
            lambda *_: [MigrationStep.upgrade_from_script(script.revision_map, script.get_revision(first))],
        )
    await database.close()
    return url
