"""Time is handed in: whoever needs it takes a ``Clock``, and tests hand in one that they set."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns now, as an aware datetime in UTC."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
