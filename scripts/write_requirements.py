"""Write docs/security-requirements.md: each requirement with the tests that show it; or compare it (--check).

The requirements are docs/security-requirements.toml. A test shows one if a comment in it or right above it,
or its docstring, has the id; an id elsewhere in a file stands for the whole file, such as one of hostile
cases. A requirement that binds today and has neither a test nor a reason fails.
"""

import ast
import difflib
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "docs/security-requirements.toml"
TABLE = ROOT / "docs/security-requirements.md"
TODAY = "today"

_ID = re.compile(r"\bA[0-9]{3}\b")
_PREAMBLE = """\
# Security requirements, and the tests that show them

Generated from [security-requirements.toml](security-requirements.toml) and from the comments of the tests
(`# A051`) by `scripts/write_requirements.py`; `make check` fails where it is out of date, and where a
requirement that binds has neither a test nor a reason.

Sources: V… is the OWASP Application Security Verification Standard 5.0, NIST is SP 800-63B-4; *incidents*
stands for what went wrong in other services. A requirement that binds *with* a part of the service that is
not there yet needs no test before. Which attacker is stopped by what is told in the
[threat model](threat-model.md).
"""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that must hold; ``unshown`` is why no test shows it."""

    id: str
    area: str
    says: str
    sources: tuple[str, ...]
    binds: str = TODAY
    unshown: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a test is, or a class of them: the path from the root, and ``Class::name``; or a whole file."""

    path: str
    name: str = ""

    def __str__(self) -> str:
        """Return what it is called in the table."""
        return self.name or self.path.removeprefix("tests/")


@dataclass(frozen=True, slots=True)
class _Span:
    """The lines of a test, its decorators included."""

    first: int
    last: int
    name: str


def read_requirements(text: str) -> tuple[dict[str, str], list[Requirement]]:
    """Return the areas, by key, and the requirements. ValueError for one that is not well-formed."""
    tables = tomllib.loads(text)
    areas = tables.pop("areas")
    read = []
    for id_, fields in tables.items():
        try:
            requirement = Requirement(id_, **{**fields, "sources": tuple(fields["sources"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"{id_} has a field too many or too few: {error}") from error
        if not _ID.fullmatch(id_) or requirement.area not in areas or not requirement.sources:
            raise ValueError(f"{id_} is not well-formed")
        read.append(requirement)
    return areas, read


def find_tests(source: str, path: str) -> Iterator[tuple[str, Place]]:
    """Yield each id that a comment or a docstring in ``source`` names, with the test that it stands at."""
    tree = ast.parse(source)
    spans, lines = list(_spans(tree.body)), source.splitlines()
    for line, said in _remarks(tree, source):
        for id_ in _ID.findall(said):
            alone = lines[line - 1].lstrip().startswith("#")
            span = (alone and _beginning(spans, _next_line(lines, line))) or _around(spans, line)
            yield id_, Place(path, span.name if span else "")


def shown_by(requirements: list[Requirement]) -> dict[str, list[Place]]:
    """Return the tests of each requirement, by id. ValueError for an id that no requirement has."""
    found: dict[str, set[Place]] = {requirement.id: set() for requirement in requirements}
    for file in sorted(ROOT.glob("tests/**/*.py")):
        path = file.relative_to(ROOT).as_posix()
        for id_, test in find_tests(file.read_text(encoding="utf-8"), path):
            if id_ not in found:
                raise ValueError(f"{path} names {id_}, which is no requirement")
            found[id_].add(test)
    return {id_: sorted(tests) for id_, tests in found.items()}


def holes(requirements: list[Requirement], shown: Mapping[str, list[Place]]) -> list[str]:
    """Return a sentence for each requirement whose tests and reasons do not fit."""
    told = []
    for requirement in requirements:
        tests = shown[requirement.id]
        if requirement.unshown and tests:
            told.append(f"{requirement.id} has a test now: remove its reason for having none.")
        if requirement.binds == TODAY and not requirement.unshown and not tests:
            told.append(f"{requirement.id} has neither a test nor a reason: {requirement.says}")
    return told


def render(
    areas: Mapping[str, str], requirements: list[Requirement], shown: Mapping[str, list[Place]]
) -> str:
    """Return the document."""
    parts = [_PREAMBLE]
    for key, title in areas.items():
        rows = [_row(each, shown[each.id]) for each in requirements if each.area == key]
        parts.append(
            f"\n## {title}\n\n| | requirement | source | shown by |\n|---|---|---|---|\n" + "".join(rows)
        )
    return "".join(parts)


def main() -> int:
    """Run the program; the exit code is 1 if there is a hole, or a difference to see."""
    areas, requirements = read_requirements(REQUIREMENTS.read_text(encoding="utf-8"))
    shown = shown_by(requirements)
    written = render(areas, requirements, shown)
    told = holes(requirements, shown)
    for line in told:
        print(line, file=sys.stderr)
    if sys.argv[1:] == ["--check"]:
        there = TABLE.read_text(encoding="utf-8").splitlines(keepends=True)
        difference = list(difflib.unified_diff(there, written.splitlines(keepends=True), "there", "as it is"))
        sys.stdout.writelines(difference)
        return 1 if difference or told else 0
    TABLE.write_text(written, encoding="utf-8")
    return 1 if told else 0


def _remarks(tree: ast.Module, source: str) -> Iterator[tuple[int, str]]:
    """Yield the comments and the docstrings of ``source``, each with the number of its (first) line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            said = ast.get_docstring(node)
            if said is not None:
                yield node.body[0].lineno, said


def _spans(body: list[ast.stmt], outer: str = "") -> Iterator[_Span]:
    """Yield the tests in ``body``; what a function holds is its own, what a class holds is not."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith(("test_", "Test")):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            yield _Span(first, node.end_lineno or first, outer + node.name)
        if isinstance(node, ast.ClassDef):
            yield from _spans(node.body, f"{outer}{node.name}::")


def _next_line(lines: list[str], line: int) -> int:
    """Return the number of the next line of code after ``line``; both count from 1."""
    for number, text in enumerate(lines[line:], line + 1):
        if text.strip() and not text.lstrip().startswith("#"):
            return number
    return 0


def _beginning(spans: list[_Span], line: int) -> _Span | None:
    return next((span for span in spans if span.first == line), None)


def _around(spans: list[_Span], line: int) -> _Span | None:
    """Return the innermost of ``spans`` that ``line`` lies in."""
    return max(
        (span for span in spans if span.first <= line <= span.last), key=lambda it: it.first, default=None
    )


def _row(requirement: Requirement, tests: list[Place]) -> str:
    says = requirement.says + (f" *{requirement.note}*" if requirement.note else "")
    shown = [f"[{test}](../{test.path})" for test in tests]
    if requirement.unshown:
        shown.append(f"No test: {requirement.unshown}")
    if requirement.binds != TODAY:
        shown.append(f"*binds {requirement.binds}*")
    cells = (requirement.id, says, ", ".join(requirement.sources), "<br>".join(shown) or "**nothing**")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


if __name__ == "__main__":
    sys.exit(main())
