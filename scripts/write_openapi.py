"""Write the OpenAPI document that the API is held to, tests/house/openapi.json; or compare it (--check)."""

import difflib
import json
import sys
from pathlib import Path

from pydantic import SecretStr

from authsvc.app import create_app
from authsvc.settings import Settings

PINNED = Path(__file__).parent.parent / "tests/house/openapi.json"


def current() -> str:
    """Return the document of the code as it is. Nothing is connected to."""
    settings = Settings(
        secret_key=SecretStr("only for the form: 0123456789abcdef"),
        database_url=SecretStr("sqlite+aiosqlite:///nowhere.db"),
        redis_url=SecretStr("redis://nobody.invalid"),
        docs_enabled=True,
    )
    document = create_app(settings).openapi()
    document["info"].pop("version")  # a release is no change of the API
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Run the program; the exit code is 1 if there is a difference to see."""
    if sys.argv[1:] == ["--check"]:
        pinned = PINNED.read_text(encoding="utf-8").splitlines(keepends=True)
        written = current().splitlines(keepends=True)
        difference = list(difflib.unified_diff(pinned, written, "pinned", "as the code is"))
        sys.stdout.writelines(difference)
        return 1 if difference else 0
    PINNED.write_text(current(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
