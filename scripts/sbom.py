"""Write the bill of materials of what runs in production, dist/authsvc.cdx.json (CycloneDX 1.6).

It is made from serve.lock, and the same lock file gives the same bytes. cyclonedx-py names the packages and
their hashes; the version of the service and who needs whom (the comments of the lock file) are added here.
What is written has passed the schema.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements/serve.lock"
SBOM = ROOT / "dist/authsvc.cdx.json"

_PIN = re.compile(r"^([a-z0-9-]+)==")
_VIA = re.compile(r"^    #(?: via |   )([a-z0-9-]+)(?: \(pyproject\.toml\)|\[.*\])?$")


def needed_by(lock: str) -> dict[str, set[str]]:
    """Return who needs each package of a lock file; the project is one of those who do."""
    found: dict[str, set[str]] = {}
    pinned = ""
    for line in lock.splitlines():
        if begins := _PIN.match(line):
            pinned = begins[1]
            found[pinned] = set()
        elif pinned and (via := _VIA.match(line)):
            found[pinned].add(via[1])
    return found


def complete(document: dict[str, Any], lock: str, version: str) -> dict[str, Any]:
    """Add to cyclonedx-py's ``document`` what it cannot know."""
    root = document["metadata"]["component"]
    root |= {"version": version, "purl": f"pkg:pypi/{root['name']}@{version}"}
    for component in document["components"]:
        component.pop("description")  # the line of the lock file once more
    refs = {component["name"]: component["bom-ref"] for component in [root, *document["components"]]}
    needs: dict[str, list[str]] = {name: [] for name in refs}
    for name, others in needed_by(lock).items():
        for other in others:
            needs[other].append(refs[name])
    document["dependencies"] = [
        {"ref": refs[name], "dependsOn": sorted(needs[name])} if needs[name] else {"ref": refs[name]}
        for name in sorted(refs)
    ]
    return document


def main() -> int:
    """Run the program; the exit code is 1 if the result is not valid, and then nothing is written."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415  (it is in the environment of `make sbom` alone)
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
    command += ["--spec-version=1.6", "--of=JSON", f"--pyproject={ROOT / 'pyproject.toml'}", str(LOCK)]
    made = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603  (ours)
    version = re.search(
        r'__version__ = "(.+)"', (ROOT / "src/authsvc/__init__.py").read_text(encoding="utf-8")
    )
    assert version  # noqa: S101  (hatchling reads it there, too)
    document = complete(json.loads(made.stdout), LOCK.read_text(encoding="utf-8"), version[1])
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        print(f"The bill of materials does not fit its schema: {wrong}", file=sys.stderr)
        return 1
    SBOM.parent.mkdir(exist_ok=True)
    SBOM.write_text(text, encoding="utf-8")
    print(f"{SBOM.relative_to(ROOT)}: {len(document['components'])} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
