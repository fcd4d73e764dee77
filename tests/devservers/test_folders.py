import stat
import tempfile
from pathlib import Path

import pytest
from tests.devservers.asking import socket_of

from authsvc.devservers import CannotStart, DevServers
from authsvc.devservers.folders import private_directory, socket_directory


@pytest.mark.parametrize("name", ["x" * 120, "with, comma", "with?mark", "später"])
async def test_a_path_that_does_not_suit_sockets_gets_a_private_one_elsewhere(tmp_path, name: str):
    async with DevServers(tmp_path / name, postgres=False, durable=False) as servers:
        socket = await socket_of(servers.redis_url)
        assert tmp_path not in socket.parents
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert (tmp_path / name / "valkey").is_dir()
    assert not socket.parent.exists()


def test_the_place_elsewhere_is_the_same_each_time_and_its_own_for_each_folder(tmp_path):
    wanted = [tmp_path / ("x" * 120) / "a", tmp_path / ("x" * 120) / "b"]
    found = [socket_directory(path) for path in [*wanted, *wanted]]
    try:
        assert found[:2] == found[2:]
        assert found[0] != found[1]
        assert all(Path(tempfile.gettempdir()).resolve() == path.parent for path in found)
    finally:
        for path in set(found):
            path.rmdir()


def test_a_directory_that_others_can_enter_is_refused(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o750)
    with pytest.raises(CannotStart, match=r"open is not a private directory of yours"):
        private_directory(tmp_path / "open")


def test_a_link_planted_in_place_of_a_directory_is_refused(tmp_path):
    (tmp_path / "target").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(CannotStart, match=r"link is not a private directory of yours"):
        private_directory(tmp_path / "link")


async def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"file/dev cannot be used: Not a directory\."):
        await DevServers(tmp_path / "file" / "dev", postgres=False).__aenter__()
