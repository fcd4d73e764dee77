"""The tables of users and of sessions that were ended."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, Text, UniqueConstraint, Uuid

from authsvc.kit.database import UtcDateTime, metadata

Key = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared byte by byte, whatever the database's language; SQLite does so anyway."""

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("username", Text, nullable=False),
    Column("username_key", Key, nullable=False),
    Column("name", Text),
    Column("email", Text),
    Column("email_key", Key),
    Column("email_verified", Boolean, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("session_epoch", Integer, nullable=False),
    Column("epoch_moved_by", Uuid),  # the session that last raised the epoch, if one did
    Column("epoch_before", Integer),  # what that session must carry, if it was to stay valid
    Column("version", Integer, nullable=False),
    Column("disabled_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("username_key"),
    UniqueConstraint("email_key"),
)

ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_at", UtcDateTime, nullable=False, index=True),  # after it the session is over by itself
)
