"""Every SQL statement about the ledger, and how an event becomes part of the fact that it tells of."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, delete, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert, ReturningUpdate

from authsvc.audit.event import Event, RecordedEvent, Wanted
from authsvc.audit.tables import audit_events
from authsvc.kit.database import Database
from authsvc.kit.prepared import Prepared

Fact = ReturningInsert[Any] | ReturningUpdate[Any] | ReturningDelete[Any]
"""A statement that changes one row or none, and returns what it changed."""

_COLUMNS = tuple(audit_events.c[field.name] for field in fields(RecordedEvent))
_BATCH = 1000
_WRITTEN = [column.name for column in _COLUMNS if column.name != "id"]
_ONE = Prepared(insert(audit_events).inline(), _WRITTEN)  # nothing comes back: it need not be allowed to read


async def record(connection: AsyncConnection, fact: Fact, event: Event, now: datetime) -> Row[Any] | None:
    """Write ``fact`` and, if it changed a row, ``event``: both or neither. Return the row that it returned.

    On PostgreSQL both are one statement: an event costs no round trip, and no transaction is needed.
    """
    values = _values(event, now)
    if connection.dialect.name == "sqlite":
        row = (await connection.execute(fact)).one_or_none()
        if row is not None:
            await _ONE.run(connection, values)
        return row
    told = {name: literal(value, audit_events.c[name].type) for name, value in values.items()}
    return (await connection.execute(_with_event(fact, told))).one_or_none()


class FrequentFact:
    """A fact for PostgreSQL that is put together once; parameters (`bindparam`) have names of their own."""

    def __init__(self, fact: Fact) -> None:
        told = {name: bindparam(name, type_=audit_events.c[name].type) for name in _WRITTEN}
        self._with_event = Prepared(_with_event(fact, told))

    async def record(
        self, database: Database, values: Mapping[str, Any], event: Event, now: datetime
    ) -> None:
        """Write it and, if it changed a row, ``event``: both or neither, by one statement alone."""
        await database.run(self._with_event, {**values, **_values(event, now)})


class AuditStore:
    """The ledger. Every method may raise `authsvc.kit.outage.Outage`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, event: Event, now: datetime) -> None:
        """Write an event whose fact is not in the database."""
        await self._database.run(_ONE, _values(event, now))

    async def find(self, wanted: Wanted, *, after: int = 0, limit: int = _BATCH) -> list[RecordedEvent]:
        """Return the first ``limit`` events that follow ``after`` (an id), the oldest first."""
        statement = select(*_COLUMNS).where(audit_events.c.id > after)
        if wanted.user_id is not None:
            statement = statement.where(audit_events.c.user_id == wanted.user_id)
        if wanted.name is not None:
            statement = statement.where(audit_events.c.name == wanted.name)
        if wanted.since is not None:
            statement = statement.where(audit_events.c.occurred_at >= wanted.since)
        async with self._database.read() as connection:
            rows = await connection.execute(statement.order_by(audit_events.c.id).limit(limit))
            return [RecordedEvent(*row) for row in rows]

    async def may_forget(self) -> bool:
        """Tell whether the role that is connected may delete from the ledger. The service's need not."""
        if self._database.is_sqlite:
            return True
        asked = func.has_table_privilege(audit_events.name, "DELETE")
        async with self._database.read() as connection:
            return bool((await connection.execute(select(asked))).scalar_one())

    async def forget_before(self, moment: datetime, *, limit: int = _BATCH) -> int:
        """Delete at most ``limit`` events from before ``moment``; return how many."""
        old = select(audit_events.c.id).where(audit_events.c.occurred_at < moment).limit(limit)
        async with self._database.write_alone() as connection:
            return (await connection.execute(delete(audit_events).where(audit_events.c.id.in_(old)))).rowcount


def _with_event(fact: Fact, told: Mapping[str, ColumnElement[Any]]) -> Select[*tuple[Any, ...]]:
    changed = fact.cte("fact")
    recorded = insert(audit_events).from_select(list(told), select(*told.values()).select_from(changed))
    return select(*changed.c).add_cte(recorded.cte("event"))


def _values(event: Event, now: datetime) -> dict[str, Any]:
    return {
        "occurred_at": now,
        "name": event.name.value,
        "outcome": event.name.outcome,
        "actor": event.origin.actor.value,
        "user_id": event.user_id,
        "session_id": event.session_id,
        "ip_address": event.origin.ip_address,
        "user_agent": event.origin.user_agent,
        "request_id": event.origin.request_id,
        "reason": event.reason,
    }
