import asyncio
import hashlib
from pathlib import Path

import pytest
from tests.support.service import NEW_PASSWORD, PASSWORD, code_of

from authsvc.errors import WeakPassword
from authsvc.kit.outage import Outage
from authsvc.passwords.breached import BreachedPasswords, UnusableFile
from authsvc.settings import InvalidSettings, Settings
from authsvc.wiring import wire

BREACHED = "an unlucky password of 2012"


def digest(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def write_list(path: Path, passwords: list[str], *, end: str = "\r\n", counted: bool = True) -> Path:
    lines = sorted(digest(password) + f":{len(password)}" * counted for password in passwords)
    path.write_bytes((end.join(lines) + end).encode())
    return path


async def is_refused(breached: BreachedPasswords, password: str) -> bool:
    try:
        await breached.refuse(password)
    except WeakPassword as refused:
        return refused.reason == "breached"
    return False


@pytest.fixture(params=[("\r\n", True), ("\n", True), ("\n", False)], ids=["crlf", "lf", "uncounted"])
def make(request, tmp_path):
    end, counted = request.param
    return lambda passwords: write_list(tmp_path / "list.txt", passwords, end=end, counted=counted)


@pytest.fixture(params=[1, 2, 3, 10, 5000])
def number(request) -> int:
    return int(request.param)


@pytest.fixture
def breached(make, number) -> BreachedPasswords:
    found = BreachedPasswords(make([f"password {each}" for each in range(number)]))
    found.check()
    return found


async def test_all_that_is_on_the_list_is_found_and_nothing_else(breached, number):  # A006
    for each in range(0, number, max(1, number // 500)):
        assert await is_refused(breached, f"password {each}")
        assert not await is_refused(breached, f"another {each}")


async def test_the_first_and_the_last_line_are_found(breached, number):
    ordered = sorted((f"password {each}" for each in range(number)), key=digest)
    assert await is_refused(breached, ordered[0])
    assert await is_refused(breached, ordered[-1])


@pytest.fixture
def one(tmp_path) -> BreachedPasswords:
    path = write_list(tmp_path / "one.txt", [BREACHED])
    path.write_bytes(path.read_bytes().lower().rstrip())
    return BreachedPasswords(path)


async def test_small_letters_and_a_missing_last_end_of_line_do_not_matter(one):
    one.check()
    assert await is_refused(one, BREACHED)


async def test_without_a_list_nothing_is_refused():
    BreachedPasswords().check()
    assert not await is_refused(BreachedPasswords(), BREACHED)


async def test_a_list_that_went_away_lets_nothing_through(one):
    await asyncio.to_thread(one.path.unlink)
    with pytest.raises(Outage):
        await one.refuse(BREACHED)


async def test_a_newer_list_takes_over_without_a_restart(one, tmp_path):
    assert not await is_refused(one, NEW_PASSWORD)
    newer = await asyncio.to_thread(write_list, tmp_path / "newer.txt", [NEW_PASSWORD])
    await asyncio.to_thread(newer.replace, one.path)
    assert await is_refused(one, NEW_PASSWORD)


def lines(*order: int) -> bytes:
    return b"".join(f"{number:040X}:1\r\n".encode() for number in order)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (lines(2, 1), "not sorted"),
        (lines(*range(9000), 1), "not sorted"),
        (lines(*range(4000), *range(4000)), "not sorted"),
        (lines(*range(5000, 0, -1)), "not sorted"),
        (b"password\r\n123456\r\n", "HASH:COUNT"),
        (b"x" * 100_000, "HASH:COUNT"),
        (lines(1) + b"\r\n", "HASH:COUNT"),
        (b"5F4DCC3B5AA765D61D8327DEB882CF99:1\r\n", "HASH:COUNT"),  # MD5
        (b"\x00" * 4096, "HASH:COUNT"),
    ],
)
def test_what_is_no_such_list_is_refused_at_the_start(tmp_path, content, said):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(UnusableFile, match=said):
        BreachedPasswords(tmp_path / "list.txt").check()


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_what_cannot_be_read_is_refused_at_the_start(tmp_path, name):
    with pytest.raises(UnusableFile):
        BreachedPasswords(tmp_path / name).check()


def test_a_service_does_not_start_with_it(settings, database, redis, clock, tmp_path):
    unfit = settings.model_copy(update={"breached_passwords_file": tmp_path / "missing.txt"})
    with pytest.raises(
        InvalidSettings, match=r"AUTHSVC_BREACHED_PASSWORDS_FILE names a file that cannot be read\."
    ):
        wire(unfit, database, redis, clock)


class TestTheService:
    @pytest.fixture
    def settings(self, settings: Settings, tmp_path: Path) -> Settings:
        path = write_list(tmp_path / "list.txt", [BREACHED, *(f"password {each}" for each in range(100))])
        return settings.model_copy(update={"breached_passwords_file": path})

    # A006
    async def test_a_breached_password_is_accepted_nowhere(self, service):
        refused = await service.register("ada", BREACHED)
        assert (refused.status_code, code_of(refused), refused.json()["reason"]) == (
            422,
            "weak_password",
            "breached",
        )
        assert BREACHED not in refused.text
        login = await service.sign_up("ada", PASSWORD)
        change = {"current_password": PASSWORD, "new_password": BREACHED}
        refused = await service.client.post("/user/password", json=change, headers=login.bearer)
        assert (refused.status_code, refused.json()["reason"]) == (422, "breached")
        assert await service.is_alive(await service.log_in("ada", PASSWORD))

    async def test_without_the_list_no_password_is_accepted_and_users_log_in(self, service, settings):
        await service.sign_up("ada", PASSWORD)
        await asyncio.to_thread(settings.breached_passwords_file.unlink)
        assert (await service.register("grace", PASSWORD)).status_code == 503
        await service.log_in("ada", PASSWORD)
