"""docs/cryptography.md lists what the code uses, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from authsvc.tokens.signing_keys import RSA_BITS, Algorithm

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/authsvc"
TEXT = (ROOT / "docs/cryptography.md").read_text(encoding="utf-8")

WATCHED = ("hashlib", "hmac", "secrets", "random", "uuid", "ssl")
ONLY_COMPARES = "hmac.compare_digest"
MAKES_NO_SECRET = {"uuid.UUID"}


def section(title: str) -> list[list[str]]:
    """The cells of each row of the table under a heading."""
    part = TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return rows[1:]


def used(path: Path) -> Iterator[str]:
    """The cryptography that a file reaches for, as the inventory calls it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in WATCHED:
            yield "secrets" if node.value.id == "secrets" else f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in WATCHED:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cryptography."):
            if node.module.startswith("cryptography.hazmat.primitives.asymmetric"):
                named = node.module.split(".")[4:] or [alias.name for alias in node.names]
                yield from (f"cryptography.{name}" for name in named)
            elif not node.module.endswith((".serialization", ".exceptions")):
                yield f"cryptography.{node.module.rpartition('.')[2]}"
        elif isinstance(node, ast.ImportFrom) and node.module == "jwt.algorithms":
            yield "jwt.algorithms"
        elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("Type."):
            yield f"argon2.{ast.unparse(node)}"


# A111
def test_the_inventory_lists_what_the_code_uses_and_where():
    found = {
        (name, path.relative_to(SOURCE).as_posix())
        for path in SOURCE.rglob("*.py")
        for name in used(path)
        if name != ONLY_COMPARES and name not in MAKES_NO_SECRET
    }
    listed = set()
    for row in section("Inventory"):
        words = re.findall(r"`([^`]+)`", row[-1])
        places = [word for word in words if word.endswith(".py")]
        assert places, row
        listed |= {(name, place) for name in words for place in places if name not in places}
    assert listed == found


# A111
def test_every_derived_key_is_listed_by_its_purpose():
    purposes = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "derive_key":
                purpose = ast.literal_eval(node.args[1])  # fails for one that only running tells
                assert isinstance(purpose, str)
                purposes.add(purpose)
    listed = [word for row in section("Keys") for word in re.findall(r"`(authsvc [^`]+)`", row[0])]
    assert sorted(listed) == sorted(purposes)


# A111
def test_every_algorithm_of_signatures_is_listed():
    [row] = [row[1] for row in section("Inventory") if row[0] == "access tokens: the signature"]
    for algorithm in get_args(Algorithm):
        assert re.search(rf"\b{algorithm}\b", row), algorithm
    assert f"{RSA_BITS} bits" in row
