"""Every promise in the guarantees, and every limit in the threat model, is kept by a test that exists."""

import ast
import re
from pathlib import Path

import pytest
from scripts.write_requirements import REQUIREMENTS, read_requirements

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
THREATS = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
LINKS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", TEXT + OPERATIONS + THREATS)))


def names_in(body: list[ast.stmt], before: str = "") -> set[str]:
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(before + node.name)
        elif isinstance(node, ast.ClassDef):
            names |= names_in(node.body, f"{before}{node.name}::")
    return names


@pytest.mark.parametrize(("path", "name"), LINKS, ids=[name for _, name in LINKS])
def test_the_test_behind_a_promise_exists(path, name):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in names_in(tree.body)


def test_every_promise_names_a_test():
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "|---" not in line]
    promises = [row for row in rows if not row.startswith("| promise")]
    assert len(promises) > 20
    assert all(re.search(r"`tests/[\w/]+\.py::[\w:]+` \|$", row) for row in promises)


def test_every_requirement_in_the_threat_model_is_one():
    _, requirements = read_requirements(REQUIREMENTS.read_text(encoding="utf-8"))
    named = set(re.findall(r"\bA[0-9]{3}\b", THREATS))
    assert len(named) > 30
    assert named <= {each.id for each in requirements}
