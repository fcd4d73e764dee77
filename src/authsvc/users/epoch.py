"""How all sessions of a user end at once, with one UPDATE.

Each session carries the user's ``session_epoch`` of its login, and is valid while that is not below the
epoch it is required to carry. Raising the user's epoch ends them all. The session that asks for it may
be kept: the row then remembers it (``epoch_moved_by``) and what it was required to carry until then
(``epoch_before``), which goes on being enough for it, and for it alone. There is room for one kept
session, which is what "all the others" means.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, null

from authsvc.users.tables import users


def raised_epoch(*, by: UUID | None, keep: bool) -> Mapping[str, Any]:
    """Return what to SET so that all sessions end but, with ``keep``, the one given as ``by``.

    The expressions see the row as the UPDATE finds it under its lock, so concurrent ones add up. A
    session that is not valid any more does not become so by being kept.
    """
    before = required_epoch(by) if keep and by is not None else null()
    return {"session_epoch": users.c.session_epoch + 1, "epoch_moved_by": by, "epoch_before": before}


def required_epoch(session_id: UUID | ColumnElement[UUID]) -> ColumnElement[int]:
    """Return the expression for the lowest epoch with which this session is valid."""
    was_kept = (users.c.epoch_moved_by == session_id) & users.c.epoch_before.is_not(None)
    return case((was_kept, users.c.epoch_before), else_=users.c.session_epoch)
