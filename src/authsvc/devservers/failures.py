"""What can go wrong. The text of each error is a sentence for the user, to be printed as it is.

DevServersError
├── CannotStart    a server, or the folder, cannot be had
└── ServerDied     a server that was running stopped by itself
"""

from collections import deque
from pathlib import Path


class DevServersError(Exception):
    """The root; ``str()`` of it is for the user."""


class CannotStart(DevServersError):
    """The servers cannot be started; nothing is left running."""


class ServerDied(DevServersError):
    """A server stopped although nobody asked it to."""


def log_ending(log: Path, lines: int = 5) -> str:
    """Where a log is and how it ends, as the second half of a sentence. Reads a file: not for the loop."""
    try:
        with log.open(encoding="utf-8", errors="replace") as text:
            last = "".join(f"\n    {line.rstrip()}" for line in deque(text, lines))
    except OSError as error:
        return f"Its log {log} cannot be read ({error.strerror})."
    return f"Its log is {log}" + (f", which ends:{last}" if last else ", and empty.")
