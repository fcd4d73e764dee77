"""The results: a JSON file that says on what machine they came about, and a picture."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from findings import Finding
from load import generator
from machine import describe
from pairs import Curve
from world import PEERS_PYTHON

_HERE = Path(__file__).parent
_FOLDER = _HERE / "results"
_PLOT = """
import json, pathlib, sys
from plot import plot
plot(json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")), pathlib.Path(sys.argv[2]))
"""


def write(findings: Sequence[Finding], curves: Sequence[Curve], *, quick: bool) -> None:
    """Write both files into ``bench/results``, named after the moment, and say where they are."""
    now = datetime.now(UTC)
    results = {
        "at": now.isoformat(timespec="seconds"),
        "quick": quick,
        "machine": describe(generator()),
        "findings": [_finite(asdict(each)) | {"verdict": each.verdict} for each in findings],
        "curves": [_finite(asdict(each)) for each in curves],
    }
    _FOLDER.mkdir(exist_ok=True)
    file = _FOLDER / f"{now:%Y%m%d-%H%M%S}.json"
    file.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"Written: {_told(file)}{_draw(file) if curves else ''}")


def _draw(file: Path) -> str:
    """Draw the picture in the peers' environment, which has the library for it."""
    if not PEERS_PYTHON.exists():
        return " (no picture: the environment that draws it is made by make bench)"
    picture = file.with_suffix(".png")
    drawn = subprocess.run([PEERS_PYTHON, "-c", _PLOT, file, picture], cwd=_HERE, check=False)  # noqa: S603  (ours)
    return " (no picture: see above)" if drawn.returncode else f" and {_told(picture)}"


def _finite(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with null for what is not a number: JSON has none."""
    return {k: None if isinstance(v, float) and not isfinite(v) else v for k, v in fields.items()}


def _told(path: Path) -> str:
    return str(path.relative_to(_HERE.parent))
