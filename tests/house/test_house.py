"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/authsvc"
FILES = sorted(SOURCE.rglob("*.py"))
ROOMS = ("users", "passwords", "sessions", "tokens", "throttle", "audit")

# The environment is read once; the rest starts other programs, which inherit it.
READS_THE_ENVIRONMENT = {"environment.py"}
HANDS_THE_ENVIRONMENT_ON = {"cli", "devservers"}


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def calls(tree: ast.AST) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_nobody_walks_where_there_is_no_door():
    program = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  (ours)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_settings_read_the_environment(path):
    name = name_of(path)
    if name in READS_THE_ENVIRONMENT or name.split("/")[0] in HANDS_THE_ENVIRONMENT_ON:
        return
    assert not re.search(r"os\.(environ|getenv)|load_dotenv", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_time_is_handed_in_and_nobody_sleeps_on_the_loop(path):
    name, called = name_of(path), calls(ast.parse(path.read_text(encoding="utf-8")))
    if not name.startswith(("devservers/", "cli/")):  # their business is to wait for processes
        assert "time.sleep" not in called
        assert "time.time" not in called
    if name != "kit/clock.py" and name.split("/")[0] in {*ROOMS, "flows", "api", "kit"}:
        assert not {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"} & called


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_module_keeps_anything_that_changes(path):
    """A list or a dict at the top of a module is a constant, and says so by its name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        mutable = isinstance(node.value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp)
        if mutable and name_of(path).split("/")[0] != "migrations":
            for target in targets:
                name = ast.unparse(target)
                assert name in {"__all__", "app"} or name.lstrip("_").isupper(), f"{name} in {name_of(path)}"
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_randomness_is_that_of_the_system(path):  # A049
    imported = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not imported & {"random", "numpy"}
    assert not re.search(r"\buuid[17]\(", path.read_text(encoding="utf-8"))


# A095
@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_decision_hangs_on_a_url_made_from_the_host_header(path):
    """Starlette's ``request.url`` is put together from what the client calls the service."""
    if name_of(path).split("/")[0] not in {"api", "pages", "app.py", "problems.py"}:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not read & {"url", "base_url", "url_for", "url_path_for"}


def test_sql_and_redis_are_spoken_in_stores_alone():
    """Outside the stores and the kit, only the tables and the health probes know them."""
    for path in FILES:
        room, _, file = name_of(path).partition("/")
        if room in ROOMS and "store" not in file and file != "tables.py":
            text = path.read_text(encoding="utf-8")
            if room == "users" and file == "epoch.py":
                continue  # the part of the store's statements that is arithmetic
            assert "sqlalchemy" not in text, name_of(path)
            assert "_redis.execute" not in text, name_of(path)


def test_every_room_and_flow_is_named_after_what_it_is():
    """Names that say nothing are where unrelated things gather."""
    for path in FILES:
        assert path.stem not in {"utils", "helpers", "common", "core", "base", "manager", "misc"}, name_of(
            path
        )
    for path in (SOURCE / "flows").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        verb = "".join(part.capitalize() for part in path.stem.split("_"))
        if path.stem not in {"__init__", "client", "identity"}:
            assert verb in classes, name_of(path)


def test_every_error_is_drawn_in_the_tree():
    tree = (SOURCE / "errors.py").read_text(encoding="utf-8")
    drawing = ast.get_docstring(ast.parse(tree)) or ""
    drawn = set(re.findall(r"[├└]── (\w+)", drawing))
    defined = set(re.findall(r"^class (\w+)\(", tree, re.MULTILINE)) - {"AuthsvcError"}
    assert drawn == defined
    assert not [name for name in defined if "Exception" in name]
