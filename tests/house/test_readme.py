"""The README says what is so: its commands are run, its table is the model's, its paths exist."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.cli.running import environment, free_port, running

from authsvc.cli.commands import app, audit, grants, keys, users
from authsvc.cli.operate import settings_table
from authsvc.cli.welcome import WALK

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def between(marker: str) -> str:
    found = re.search(rf"<!-- {marker}.*? -->\n(.*?)<!-- /{marker} -->", README, re.DOTALL)
    assert found
    return found[1]


def test_the_walk_is_the_one_that_dev_prints():
    assert between("walk") == f"```sh\n{WALK.format(url='http://localhost:8000')}```\n"


@pytest.mark.skipif(
    shutil.which("curl") is None, reason="the walk is made with curl, and this machine has none"
)
def test_the_walk_works_as_it_is_written(tmp_path):
    port = str(free_port())
    walk = next(block for block in BLOCKS if "/register" in block).replace(
        "localhost:8000", f"localhost:{port}"
    )
    with running("dev", tmp_path, environment(port=port)) as dev:
        assert walk in dev.said, "dev prints the same lines, with its own port"
        walked = subprocess.run(["sh", "-c", walk], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603, S607 - the README's own lines, in whatever sh there is
    assert walked.stderr == ""
    answers = re.findall(r"^([0-9]{3})$", walked.stdout, re.MULTILINE)
    assert answers == ["201", "200", "200", "200", "204", "401"], walked.stdout


def test_the_table_of_settings_is_the_model_s():
    assert between("settings") == settings_table() + "\n"


def test_every_command_in_the_readme_exists():
    known = {
        (*group, command.name or command.callback.__name__)
        for group, commands in (
            ((), app),
            (("users",), users),
            (("keys",), keys),
            (("audit",), audit),
            (("grants",), grants),
        )
        for command in commands.registered_commands
        if command.callback
    }
    named = [
        line.split()[1:] for block in BLOCKS for line in block.splitlines() if line.startswith("authsvc ")
    ]
    assert named
    assert [words for words in named if tuple(words[:1]) not in known and tuple(words[:2]) not in known] == []


def test_every_target_in_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert named >= {"dev", "test", "check"}
    assert named <= targets


def test_every_place_on_the_map_exists():
    places = re.findall(
        r"`([a-z_]+/[a-z_./]*|[a-z_]+\.py)`",
        README.partition("## Find your way")[2].partition("All under")[0],
    )
    assert len(places) > 15
    missing = [place for place in places if not (ROOT / "src/authsvc" / place).exists()]
    assert missing == []
