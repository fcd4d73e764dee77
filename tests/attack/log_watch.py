"""What the service wrote to its log, line by line: A100, A101, A102."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

LEVELS = {"debug", "info", "warning", "error", "critical"}


@dataclass
class LogWatch:
    """Reads what is new in some files."""

    paths: tuple[Path, ...]
    _read: dict[Path, int] = field(default_factory=dict)

    def news(self) -> list[str]:
        """Return the lines that were finished since the last time."""
        return [line for path in self.paths for line in self._new_lines(path)]

    def _new_lines(self, path: Path) -> list[str]:
        with path.open("rb") as opened:
            opened.seek(self._read.get(path, 0))
            text = opened.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read[path] = self._read.get(path, 0) + len(whole)
        return whole.decode("utf-8", "backslashreplace").split("\n")[:-1]


def judge_lines(lines: Iterable[str], secrets: Iterable[str], *, quiet: bool = True) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong with a line. ``quiet``: nothing may be an error."""
    secrets = tuple(secrets)
    for line in lines:
        yield from (f"the log holds a secret: {line[:200]}" for secret in secrets if secret in line)
        entry = _entry(line)
        if entry is None:
            yield f"a line of the log is no JSON object: {line[:120]!r}"
        else:
            yield from _malformed(line, entry)
            if quiet and (entry.get("level") in {"error", "critical"} or "exception" in entry):
                yield f"the log tells of an error: {line[-600:]}"


def _entry(line: str) -> dict[str, object] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _malformed(line: str, entry: dict[str, object]) -> Iterator[str]:
    if not line.isascii() or not line.isprintable():
        yield f"a line of the log holds raw characters: {line[:120]!r}"
    if entry.get("level") not in LEVELS or not isinstance(entry.get("event"), str):
        yield f"a line of the log has no event or level: {line[:120]}"
    if not _is_in_utc(entry.get("timestamp")):
        yield f"a line of the log has no time in UTC: {line[:120]}"
    if "path" in entry and "request_id" not in entry:
        yield f"a line about a request lacks its id: {line[:120]}"


def _is_in_utc(timestamp: object) -> bool:
    try:
        return datetime.fromisoformat(str(timestamp)).utcoffset() == timedelta(0)
    except ValueError:
        return False
