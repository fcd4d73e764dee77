"""The table of the ledger.

Triggers (see the migrations) refuse every UPDATE, and each DELETE of what is younger than four weeks. There
is no foreign key: an event outlives the user whom it is about.
"""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table, Text, Uuid

from authsvc.kit.database import UtcDateTime, metadata

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(always=True), primary_key=True),
    Column("occurred_at", UtcDateTime, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("user_id", Uuid),
    Column("session_id", Uuid),
    Column("ip_address", Text),
    Column("user_agent", Text),
    Column("request_id", Text),
    Column("reason", Text),
    Index("ix_audit_events_user_id", "user_id", "id"),
)
