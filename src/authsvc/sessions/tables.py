"""The table of this room."""

from sqlalchemy import Column, Table, Text

from authsvc.kit.database import UtcDateTime, metadata

redis_servers = Table(
    "redis_servers",
    metadata,
    Column("identity", Text, primary_key=True),
    Column("first_met_at", UtcDateTime, nullable=False),
)
"""The Redis servers that ever held sessions. One that appears anew may have lost acknowledged writes."""
