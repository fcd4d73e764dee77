"""What Linux tells of processes: their children, their memory, their descriptors."""

from pathlib import Path

_PAGE = 4096


def children(pid: int) -> list[int]:
    """Return the processes that ``pid`` started and that live."""
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    """Return children, their children, and so on."""
    found = children(pid)
    return found + [each for child in found for each in descendants(child)]


def descriptors(pid: int) -> int:
    """Return how many files and sockets the process has open."""
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0


def memory(pid: int) -> int:
    """Return the resident memory in bytes."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
