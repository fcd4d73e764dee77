"""How a duration is written: a number of seconds, or a number with ``ms``, ``s``, ``m``, ``h`` or ``d``."""

import re
from datetime import timedelta

LONGEST = timedelta(days=3650)  # calendars and counters end somewhere
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> timedelta:
    """Return what ``text`` says; ValueError, which does not quote it, when that is no duration."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|[smhd]?)", text.strip())
    if match is None:
        raise ValueError("give a number of seconds, or a number with ms, s, m, h or d: 300, 5m, 14d")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > LONGEST.total_seconds():
        raise ValueError("is longer than ten years")
    return timedelta(seconds=seconds)


def write_duration(duration: timedelta) -> str:
    """Return ``duration`` in the largest unit of which it is a whole number; 0 is ``0s``."""
    for unit in ("d", "h", "m", "s"):
        if not duration % timedelta(seconds=_UNITS[unit]) and (duration or unit == "s"):
            return f"{duration // timedelta(seconds=_UNITS[unit])}{unit}"
    return f"{duration // timedelta(milliseconds=1)}ms"
