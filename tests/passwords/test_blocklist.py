import runpy
import unicodedata
from pathlib import Path

import pytest

from authsvc.errors import WeakPassword
from authsvc.passwords.blocklist import load_common_passwords
from authsvc.passwords.policy import PasswordPolicy

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_common_passwords.py"


@pytest.fixture(scope="module")
def listed():
    return load_common_passwords()


@pytest.fixture(scope="module")
def policy(listed):
    return PasswordPolicy(min_length=8, blocklist=listed)


def test_the_committed_list_is_what_the_script_builds(listed):
    script = runpy.run_path(str(SCRIPT))
    text = script["build"]()
    assert script["LIST_PATH"].read_bytes() == text.encode()
    assert sorted(listed) == text.splitlines()


def test_at_least_3000_entries_reach_the_default_minimum(listed):  # A005
    assert sum(len(entry) >= 15 for entry in listed) >= 3000


def test_every_entry_is_in_the_form_that_is_looked_up(listed):
    for entry in listed:
        assert entry == unicodedata.normalize("NFC", entry.casefold())
        assert len(entry) >= 8


def test_entries_are_refused_in_any_case(listed, policy):  # A005, A006
    for entry in sorted(listed)[::7]:
        with pytest.raises(WeakPassword) as caught:
            policy.check(entry.upper())
        assert caught.value.reason == "common"


def test_near_misses_of_entries_are_accepted(listed, policy):  # A005
    for entry in sorted(listed)[::7]:
        near_miss = f"{entry}!q"
        assert policy.check(near_miss) == near_miss


@pytest.mark.parametrize(
    "password",
    ["passwordpassword", "qwertyuiopasdfghjkl", "monkey123456789", "dragondragondragon", "123456789012345"],
)
def test_what_people_stretch_to_15_characters_is_listed(listed, password):
    assert password in listed
