import subprocess
import sys

import pytest
from tests.cli.running import SECRET, authsvc, environment

from authsvc import __version__
from authsvc.settings import Settings

COMMANDS = (
    ("dev",),
    ("serve",),
    ("migrate",),
    ("doctor",),
    ("settings",),
    ("version",),
    ("users",),
    ("users", "disable"),
    ("users", "enable"),
    ("keys",),
    ("keys", "rotate"),
)


def test_both_ways_to_call_it_say_the_same(tmp_path):
    as_module = authsvc("--help", where=tmp_path, env=environment())
    as_script = subprocess.run(
        [sys.executable, "-c", "from authsvc.cli import main; main()", "--help"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert as_module.stdout == as_script.stdout
    assert as_module.stdout.startswith("Usage: authsvc [OPTIONS] COMMAND")
    assert "..." not in as_module.stdout.partition("Commands:")[2], "a summary was cut off"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_without_any_settings(words, tmp_path):
    told = authsvc(*words, "--help", where=tmp_path, env=environment())
    assert told.returncode == 0
    assert told.stdout.startswith(f"Usage: authsvc {' '.join(words)} ")


def test_the_version_is_told(tmp_path):
    assert authsvc("version", where=tmp_path, env=environment()).stdout == f"{__version__}\n"


def test_every_setting_is_listed_without_its_value(tmp_path):
    listed = authsvc("settings", where=tmp_path, env=environment(secret_key=SECRET)).stdout
    for name in Settings.model_fields:
        assert f"| `AUTHSVC_{name.upper()}" in listed
    assert SECRET not in listed


def test_an_unknown_command_is_refused(tmp_path):
    refused = authsvc("frobnicate", where=tmp_path, env=environment())
    assert refused.returncode == 2
    assert "frobnicate" in refused.stderr


def test_help_comes_without_loading_the_service(tmp_path):
    """It answers at once."""
    script = (
        "import sys; from authsvc.cli import main\n"
        "try: main()\n"
        "except SystemExit: sys.exit('sqlalchemy' in sys.modules or 'fastapi' in sys.modules)"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", script, "--help"], env=environment(), cwd=tmp_path, check=False
    )
    assert done.returncode == 0
