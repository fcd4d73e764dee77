import asyncio
import contextlib
import os
import signal
import subprocess
import sys

import pytest
from tests.devservers.asking import (
    Owner,
    StartOwner,
    database,
    process_in,
    redis,
    wait_until_free,
)

from authsvc.devservers import DevServers


def family(pid: int) -> list[int]:
    """The process and all its descendants."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True, text=True)  # noqa: S607 - from PATH
    pairs = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
    found = [pid]
    for one in found:
        found += [child for child, parent in pairs if parent == one]
    return found


async def write_until_killed(owner: Owner) -> tuple[list[int], list[int]]:
    """Writes until the servers are gone; the numbers that each of them acknowledged."""
    rows: list[int] = []
    words: list[int] = []

    async def fill_database(enough: asyncio.Event) -> None:
        async with database(owner.database_url) as connection:
            await connection.execute("CREATE TABLE numbers (n int)")
            for n in range(100_000):
                await connection.execute("INSERT INTO numbers VALUES ($1)", n)
                rows.append(n)
                if n == 100:
                    enough.set()

    async def fill_redis(enough: asyncio.Event) -> None:
        reader, writer = await asyncio.open_unix_connection(owner.redis_url[7:].partition("?")[0])
        for n in range(1_000_000):
            writer.write(f"RPUSH numbers {n}\r\n".encode())
            if not (await reader.readline()).startswith(b":"):
                break
            words.append(n)
            if n == 100:
                enough.set()
        writer.close()

    events = [asyncio.Event(), asyncio.Event()]
    writers = [asyncio.create_task(fill_database(events[0])), asyncio.create_task(fill_redis(events[1]))]
    await asyncio.gather(*(event.wait() for event in events))
    pids = await asyncio.to_thread(family, owner.process.pid)
    # Frozen first, parents before children, so that none can act on the end of another.
    for how in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # one that ended by itself meanwhile
                os.kill(pid, how)
    await asyncio.gather(*writers, return_exceptions=True)
    return rows, words


async def test_kill_9_of_everything_loses_no_acknowledged_write(tmp_path, start_owner: StartOwner):  # A062
    owner = await start_owner(tmp_path / "dev")
    rows, words = await write_until_killed(owner)
    assert len(rows) > 100
    assert len(words) > 100
    await owner.process.wait()
    async with DevServers(tmp_path / "dev") as servers:
        async with database(servers.database_url) as connection:
            kept_rows = [row["n"] for row in await connection.fetch("SELECT n FROM numbers ORDER BY n")]
        async with redis(servers.redis_url) as client:
            kept_words = [int(word) for word in await client.lrange("numbers", 0, -1)]
    # One more than was acknowledged may be there: written, but killed before the answer.
    assert kept_rows[: len(rows)] == rows
    assert kept_words[: len(words)] == words


@pytest.mark.parametrize(("how", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_signal_to_the_owner_stops_everything_in_order(
    tmp_path, start_owner: StartOwner, how: signal.Signals, status: int
):
    owner = await start_owner(tmp_path / "dev")
    os.killpg(owner.process.pid, how)  # what Ctrl-C in a terminal does: the whole group is told
    assert await owner.process.wait() == status
    logs = (tmp_path / "dev" / "postgres.log").read_text(), (tmp_path / "dev" / "valkey.log").read_text()
    assert "received fast shutdown request" in logs[0]
    assert "database system is shut down" in logs[0]
    assert "ready to exit" in logs[1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
async def test_kill_9_of_the_owner_makes_the_kernel_stop_the_servers(tmp_path, start_owner: StartOwner):
    owner = await start_owner(tmp_path / "dev")
    owner.process.kill()
    await asyncio.gather(
        *(wait_until_free(tmp_path / "dev" / f"{name}.lock") for name in ("postgres", "valkey"))
    )
    assert "database system is shut down" in (tmp_path / "dev" / "postgres.log").read_text()


async def test_servers_left_running_are_stopped_before_new_ones_start(tmp_path):
    folder = tmp_path / "dev"
    left = DevServers(folder, durable=False)
    await left.__aenter__()
    async with redis(left.redis_url) as client:
        await client.set("kept", "yes")
    before = [process_in(folder / f"{name}.lock") for name in ("postgres", "valkey")]
    assert left._claimed
    left._claimed.release()  # as if the owner were dead, on a system where that stops no server
    async with DevServers(folder, durable=False) as servers:
        assert not {process_in(folder / f"{name}.lock") for name in ("postgres", "valkey")} & set(before)
        async with redis(servers.redis_url) as client:
            assert await client.get("kept") == "yes"
        async with database(servers.database_url) as connection:
            assert await connection.fetchval("SELECT 1") == 1
    left._claimed = None
    await left.__aexit__(None, None, None)


async def test_stale_pid_and_socket_files_do_not_hinder_a_start(tmp_path, cluster: str):
    folder = tmp_path / "dev"
    async with DevServers(folder, durable=False):
        for name in ("postgres", "valkey"):
            os.kill(process_in(folder / f"{name}.lock"), signal.SIGKILL)
            await wait_until_free(folder / f"{name}.lock")
        assert (folder / "run-postgres" / ".s.PGSQL.5432").is_socket()
        assert (folder / "run-valkey" / "valkey.sock").is_socket()
    # A stranger has the old process id by now, as happens when a container starts again.
    stranger = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)
    try:
        pid_file = folder / cluster / "postmaster.pid"
        old = (folder / "postgres.lock").read_text()
        assert pid_file.read_text().startswith(f"{old}\n")
        pid_file.write_text(pid_file.read_text().replace(old, str(stranger.pid), 1))
        (folder / "postgres.lock").write_text(str(stranger.pid))
        async with DevServers(folder, durable=False) as servers, database(servers.database_url) as connection:
            assert await connection.fetchval("SELECT 1") == 1
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.communicate()


async def test_an_interrupted_first_start_is_begun_again(tmp_path, cluster: str):
    half = tmp_path / "dev" / f"{cluster}.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("broken\n")
    servers = DevServers(tmp_path / "dev", redis=False, durable=False)
    async with servers, database(servers.database_url) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    assert not half.exists()


async def test_a_new_major_version_starts_beside_the_old_data_and_says_so(tmp_path):
    old = tmp_path / "dev" / "pg9"
    old.mkdir(parents=True)
    async with DevServers(tmp_path / "dev", redis=False, durable=False) as servers:
        assert servers.notice
        assert str(old) in servers.notice
    async with DevServers(tmp_path / "dev", redis=False, durable=False) as servers:
        assert servers.notice is None
    assert old.exists()


@pytest.mark.parametrize(("name", "title"), [("postgres", "PostgreSQL"), ("valkey", "Valkey")])
async def test_a_server_that_dies_is_named_with_its_log(tmp_path, name: str, title: str):
    folder = tmp_path / "dev"
    async with DevServers(
        folder, postgres=name == "postgres", redis=name == "valkey", durable=False
    ) as servers:
        watch = asyncio.create_task(servers.wait_failed())
        os.kill(process_in(folder / f"{name}.lock"), signal.SIGKILL)
        told = str(await watch)
    assert told.startswith(f"{title} stopped by itself (signal SIGKILL). Its log is {folder / name}.log")
