"""What is shipped beside the code: lock files, Makefile, Dockerfile, compose.yaml; and what no file names."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from authsvc.cli.serve import _GRACE
from authsvc.settings import Settings

ROOT = Path(__file__).parents[2]
LOCKS = ("build", "serve", "dev", "test", "bench", "attack", "native", "audit")
SHIPPED_DOT_NAMES = {".ci", ".dockerignore", ".env.example", ".gitignore"}

# Parts of FastAPI, pydantic and redis[hiredis], imported by their own names.
CAME_ALONG = {"starlette", "annotated_types", "hiredis"}

# In pieces, so that this file does not name what it forbids.
FOREIGN = tuple(
    re.escape("".join(pieces))
    for pieces in (
        ("pypi", ".org"),
        ("python", "hosted"),
        ("docker", ".io"),
        ("ghcr", ".io"),
        ("quay", ".io"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
        ("/Us", "ers/"),
        ("/wo", "rk/"),
        ("/opt/", "wheels"),
        ("/opt/", "pypi"),
        (".pyenv", "/"),
    )
)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, tuple[str, list[str]]]:
    """name -> (version, hashes) of every package in a lock file; a line that is no pin fails."""
    lines = [
        line for line in text(f"requirements/{lock}.lock").splitlines() if not line.lstrip().startswith("#")
    ]
    found = {}
    for entry in "\n".join(lines).replace("\\\n", " ").splitlines():
        pinned = re.fullmatch(r"([a-z0-9-]+)==(\S+)( ; .+?)?((?: +--hash=sha256:[0-9a-f]{64})*)", entry)
        assert pinned, f"{lock}.lock: not a pin: {entry[:80]}"
        found[pinned[1]] = (pinned[2], pinned[4].split())
    return found


def listed(name: str) -> list[str]:
    """The requirements in one of the files that lock files are made from."""
    lines = (line.split("#")[0].strip() for line in text(f"requirements/{name}").splitlines())
    return [line for line in lines if line]


def asked_for(lock: str) -> list[Requirement]:
    """What pyproject.toml (and build.in) ask of a lock file."""
    project = tomllib.loads(text("pyproject.toml"))
    runtime = project["project"]["dependencies"]
    servers = project["project"]["optional-dependencies"]["dev-servers"]
    build = listed("build.in") + project["build-system"]["requires"]
    asked = {
        "build": build,
        "serve": runtime,
        "dev": [*build, *runtime, *servers],
        "test": [*build, *runtime, *servers, *project["dependency-groups"]["dev"]],
        "bench": project["dependency-groups"]["bench"],
        "attack": project["dependency-groups"]["attack"],
        "native": listed("native.in"),
        "audit": project["dependency-groups"]["audit"],
    }
    return [Requirement(line) for line in asked[lock]]


def services() -> dict[str, str]:
    """name -> text of each service in compose.yaml, with the shared settings that it merges in."""
    compose = text("compose.yaml")
    shared = dict(re.findall(r"^x-\w+: &(\w+)\n((?:(?: .*)?\n)*)", compose, re.MULTILINE))
    section = compose.partition("\nservices:\n")[2].partition("\nnetworks:\n")[0]
    parts = re.split(r"^  (\w+):\n", section, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    for _ in shared:  # a shared part may merge another
        found = {
            name: re.sub(r"<<: \*(\w+)", lambda merged: shared[merged[1]], body)
            for name, body in found.items()
        }
    return found


def shipped_files() -> Iterator[Path]:
    for folder, folders, files in os.walk(ROOT):
        kept = [
            name for name in folders if name in SHIPPED_DOT_NAMES or not name.startswith((".", "__pycache__"))
        ]
        folders[:] = [name for name in kept if name not in {"dist", "htmlcov"}]
        for name in files:
            if (name in SHIPPED_DOT_NAMES or not name.startswith(".")) and ".db" not in name:
                yield Path(folder, name)


def set_up(folder: Path, search_path: Path) -> subprocess.CompletedProcess[str]:
    """Run setup.sh where only the programs in one folder can be found."""
    return subprocess.run(  # noqa: S603 -- our own script
        ["/bin/sh", str(ROOT / "scripts/setup.sh"), str(folder / "venv"), "no.lock"],
        env={"PATH": str(search_path), "NO_UV": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


# A110
@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(lock: str) -> None:
    found = pins(lock)
    assert found
    assert [name for name, (_, hashes) in found.items() if not hashes] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_file_names_an_address(lock: str) -> None:
    assert "://" not in text(f"requirements/{lock}.lock")
    assert "--index" not in text(f"requirements/{lock}.lock")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(lock: str) -> None:
    found = pins(lock)
    wanted = asked_for(lock)
    assert wanted
    missing = [
        str(need)
        for need in wanted
        if (pin := found.get(canonicalize_name(need.name))) is None or not need.specifier.contains(pin[0])
    ]
    assert missing == [], "make lock"


@pytest.mark.parametrize("lock", ["build", "serve", "dev"])
def test_a_smaller_lock_agrees_with_the_largest(lock: str) -> None:
    largest = pins("test")
    assert {name: pin for name, pin in pins(lock).items() if largest.get(name) != pin} == {}


def test_the_benchmark_differs_only_where_fastapi_users_holds_it_back() -> None:
    ours, theirs = pins("test"), pins("bench")
    differ = {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
    assert differ <= {"email-validator", "redis", "sqlalchemy"}, "remove bench.lock, then: make lock"


def test_what_builds_argon2_agrees_with_the_largest_where_both_have_a_package() -> None:
    largest = pins("test")
    found = pins("native")
    assert found.keys() & largest.keys()
    assert {name for name, pin in found.items() if largest.get(name, pin) != pin} == set()


def test_production_gets_neither_development_servers_nor_test_tools() -> None:
    project = tomllib.loads(text("pyproject.toml"))
    runtime = {canonicalize_name(need.name) for need in asked_for("serve")}
    extra = [
        *project["project"]["optional-dependencies"]["dev-servers"],
        *project["dependency-groups"]["dev"],
    ]
    unwanted = {canonicalize_name(Requirement(line).name) for line in extra} - runtime
    assert unwanted
    assert unwanted & pins("serve").keys() == set()


def test_no_shipped_file_names_a_registry_or_a_path_of_one_machine() -> None:
    forbidden = re.compile("|".join(FOREIGN))
    seen = 0
    named = []
    for path in shipped_files():
        try:
            content = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image or a font
        seen += 1
        named += [f"{path.relative_to(ROOT)}: {found[0]}" for found in forbidden.finditer(content)]
    assert seen > 20
    assert named == []


def test_compose_has_no_default_secret() -> None:
    compose = re.sub(r"#.*", "", text("compose.yaml"))
    secrets = re.findall(r"\$\{(\w*(?:SECRET|PASSWORD|TOKEN)\w*)(:?.)", compose)
    assert {name for name, _ in secrets} == {"AUTHSVC_SECRET_KEY", "POSTGRES_PASSWORD"}
    assert {operator for _, operator in secrets} == {":?"}  # required, and not empty
    literal = r"^ *\w*(?:SECRET|PASSWORD|TOKEN)\w*: (?!\$\{).*|://[^/\s$]*:[^$\s]*@.*"
    assert re.findall(literal, compose, re.MULTILINE) == []


def test_every_compose_service_tells_its_health_or_runs_once() -> None:
    found = services()
    assert set(found) == {"postgres", "valkey", "migrate", "authsvc"}
    assert "test: [" in found["postgres"]
    assert "test: [" in found["valkey"]
    assert 'restart: "no"' in found["migrate"]
    assert "migrate: {condition: service_completed_successfully}" in found["authsvc"]
    assert "build: ." in found["authsvc"]
    assert re.search(r"^HEALTHCHECK .*\n.*/livez", text("Dockerfile"), re.MULTILINE)


def test_compose_may_do_without_tls_because_its_stores_are_on_a_network_of_their_own() -> None:
    assert 'AUTHSVC_INSECURE_STORES: "true"' in text("compose.yaml")
    assert "inside: {internal: true}" in text("compose.yaml")
    for name in ("postgres", "valkey"):
        assert "networks: [inside]" in services()[name]


def test_compose_waits_until_the_service_has_stopped_in_order() -> None:
    needed = Settings.model_fields["shutdown_delay"].default + _GRACE
    (patience,) = re.findall(r"stop_grace_period: (\d+)s", services()["authsvc"])
    assert timedelta(seconds=int(patience)) >= needed + timedelta(seconds=5)


def test_every_setting_reaches_the_service_in_compose() -> None:
    for name in ("authsvc", "migrate"):
        assert "env_file: [{path: .env, required: false}]" in services()[name]
    assert "#AUTHSVC_TRUSTED_PROXIES=" in text(".env.example")


def test_every_module_that_is_imported_is_asked_for() -> None:
    """A package that only comes with another one may go with it."""
    project = tomllib.loads(text("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev-servers"]]
    asked = {canonicalize_name(Requirement(line).name) for line in wanted}
    imported = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    foreign = imported - sys.stdlib_module_names - {"authsvc"}
    sources = packages_distributions()
    came_along = {name for name in foreign if asked.isdisjoint(map(canonicalize_name, sources.get(name, [])))}
    assert "idna" in foreign
    assert came_along <= CAME_ALONG


def test_every_compose_service_is_locked_down() -> None:
    for name, body in services().items():
        for setting in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "tmpfs:"):
            assert setting in body, f"{name} lacks {setting}"


def test_compose_publishes_the_service_alone_and_on_loopback() -> None:
    published = {name: re.findall(r"ports: (.*)", body) for name, body in services().items()}
    address = '["${PUBLISH_ADDRESS:-127.0.0.1}:${AUTHSVC_PORT:-8000}:8000"]'
    assert published == {"postgres": [], "valkey": [], "migrate": [], "authsvc": [address]}


def test_the_image_runs_as_a_numbered_user_without_build_tools() -> None:
    stages = re.split(r"^FROM ", text("Dockerfile"), flags=re.MULTILINE)[1:]
    assert [stage.split()[0] for stage in stages] == ["python:3.13", "python:3.13-slim"]
    user = re.findall(r"^USER (\d+):(\d+)$", stages[-1], re.MULTILINE)
    assert len(user) == 1
    assert "0" not in user[0]
    assert "install" not in stages[-1].replace("uninstall", "")
    for installed in re.findall(r"install .*\.lock", stages[0]):
        assert "--no-deps --require-hashes --only-binary=:all:" in installed


def test_the_image_gets_the_native_build_unless_it_is_told_otherwise() -> None:
    stages = re.split(r"^FROM ", text("Dockerfile"), flags=re.MULTILINE)[1:]
    assert re.search(r"^ARG ARGON2=native$", stages[0], re.MULTILINE)
    assert re.search(
        r'^RUN if \[ "\$ARGON2" = native \]; then sh scripts/native\.sh /opt/authsvc; fi$',
        stages[0],
        re.MULTILINE,
    )
    serve, native = (stages[0].index(name) for name in ("-r requirements/serve.lock", "sh scripts/native.sh"))
    assert serve < native  # it replaces what the lock file brought
    assert "--from=build /opt/authsvc /opt/authsvc" in stages[1]


def test_the_image_s_build_sees_what_it_copies() -> None:
    allowed = [line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", text("Dockerfile"), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert "scripts/native.cmake" in names
    assert [name for name in names if not any(fnmatch(name, pattern) for pattern in allowed)] == []


def test_make_without_a_target_tells_every_target() -> None:
    told = subprocess.run(  # our own Makefile
        ["make", "--no-print-directory"],  # noqa: S607 -- make is where the PATH says
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    listed = re.findall(r"^  ([a-z-]+) +\S", told, re.MULTILINE)
    assert listed == [
        "help",
        "setup",
        "dev",
        "test",
        "check",
        "model",
        "races",
        "faults",
        "attack",
        "native",
        "bench",
        "bench-quick",
        "timing",
        "audit",
        "sbom",
        "lock",
        "up",
        "down",
        "clean",
    ]


def test_setup_without_python_says_what_is_missing(tmp_path: Path) -> None:
    ended = set_up(tmp_path, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("No Python 3.11 or newer was found")
    assert not (tmp_path / "venv").exists()


def test_setup_passes_over_a_python_that_only_fails(tmp_path: Path) -> None:
    write_program(tmp_path / "python3", "exit 127")
    write_program(tmp_path / "python3.12", 'case "$2" in *ensurepip*) exit 1 ;; esac')
    ended = set_up(tmp_path, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("python3.12 is there, but it cannot make a virtual environment")
    assert "apt install python3-venv" in ended.stderr


def test_the_gate_runs_what_a_developer_runs() -> None:
    assert re.findall(r"^make .*", text(".ci/run"), re.MULTILINE) == ["make test", "make check"]
