"""`make native`: argon2 built from source is installed in place of the wheel, or it is said why not."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from authsvc.passwords.argon2_build import Instructions, can_run_avx2, instructions_in, read_cpuinfo

ROOT = Path(__file__).parents[2]
LIBRARY = "libargon2-authsvc.so"


def build(venv: Path | str, *folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- our own script
        ["/bin/sh", str(ROOT / "scripts/native.sh"), str(venv), *map(str, folder)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def python_that_prints(verdict: str, folder: Path) -> Path:
    """An environment whose Python says only this about the machine, and fails at everything else."""
    program = folder / "bin" / "python"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncase "$2" in "") ;; *libc_ver*) echo "{verdict}" ;; *) exit 1 ;; esac\n')
    program.chmod(0o755)
    return folder


def test_without_an_environment_it_says_what_to_run_first(tmp_path: Path) -> None:
    ended = build(tmp_path / "none")
    assert ended.returncode == 1
    assert "Run make setup first." in ended.stderr


def test_where_there_is_nothing_to_gain_it_changes_nothing_and_is_content(tmp_path: Path) -> None:
    ended = build(python_that_prints("needless", tmp_path))
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr.startswith("Nothing to build: AVX2 is a matter of x86-64.")


def test_a_loader_that_cannot_choose_is_refused(tmp_path: Path) -> None:
    ended = build(python_that_prints("", tmp_path))
    assert ended.returncode == 1
    assert ended.stderr.startswith("This needs Linux with glibc 2.33 or newer")


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false"])
def test_without_a_fit_compiler_it_says_so_and_the_wheel_stays(compiler: str, tmp_path: Path) -> None:
    ended = build(python_that_prints("fit", tmp_path), CC=compiler)
    assert ended.returncode == 1
    assert ended.stderr.startswith("This needs a C compiler that knows -march=x86-64-v3")
    assert f"'{compiler}' is none" in ended.stderr
    assert "apt install gcc" in ended.stderr
    assert "stays" in ended.stderr


def test_what_is_built_is_the_locked_version() -> None:
    line = re.search(r"^sed -n (\".*\") \"\$here/requirements/serve.lock\"", script(), re.MULTILINE)
    assert line
    printed = subprocess.run(  # noqa: S602 -- the script's own words
        f"package=argon2-cffi-bindings; sed -n {line[1]} requirements/serve.lock",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert re.fullmatch(r"argon2-cffi-bindings==\S+ \\", printed[0])
    assert len(printed) > 1
    assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", hashed) for hashed in printed[1:])
    assert not printed[-1].endswith("\\")


@pytest.mark.timeout(300)
@pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX2 is a matter of x86-64")
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's loader chooses")
@pytest.mark.skipif(shutil.which("cc") is None, reason="this machine has no C compiler")
def test_both_kinds_of_code_are_built_and_the_loader_takes_what_the_processor_can_run(tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    ended = build(sys.prefix, folder)
    if "could not be installed" in ended.stderr:
        pytest.skip("no package index can be reached")
    assert ended.returncode == 0, ended.stderr  # it checked a hash, too
    package = folder / "_argon2_cffi_bindings"
    assert instructions_in((package / LIBRARY).read_bytes()) is Instructions.SSE2
    for_avx2 = package / "glibc-hwcaps/x86-64-v3" / LIBRARY
    assert instructions_in(for_avx2.read_bytes()) is Instructions.AVX2

    best = "AVX2 code, built from source" if can_run_avx2(read_cpuinfo()) else "SSE2 code, built from source"
    assert in_use(folder) == best
    assert in_use(folder, GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX2") == "SSE2 code, built from source"


def in_use(folder: Path, **environment: str) -> str:
    """What a process says that is given the build in ``folder``."""
    asks = "import argon2; from authsvc.passwords.argon2_build import find_build; print(find_build())"
    return subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", asks],
        env=os.environ | environment | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def script() -> str:
    return (ROOT / "scripts/native.sh").read_text(encoding="utf-8")
