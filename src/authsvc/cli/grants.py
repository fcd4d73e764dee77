"""``authsvc grants``: the least that the service's role in PostgreSQL and its user in Redis need."""

from collections.abc import Mapping

from authsvc.cli.failures import CommandFailed

TABLES: Mapping[str, str] = {
    "alembic_version": "SELECT",
    "audit_events": "INSERT",
    "ended_sessions": "SELECT, INSERT, DELETE",
    "redis_servers": "SELECT, INSERT",
    "signing_keys": "SELECT, INSERT, DELETE",
    "users": "SELECT, INSERT, UPDATE, DELETE",
}
"""What the service does with each table. It creates, alters and empties none: migrations are the owner's."""

CONNECTING = ("auth", "hello", "select", "ping", "info", "client|setinfo")
SENT = ("eval", "evalsha", "get", "hget")
IN_SCRIPTS = (
    "del", "exists", "get", "hdel", "hget", "hincrby", "hmget", "hset", "pexpireat", "set", "time", "zadd",
    "zcard", "zrange", "zrem", "zremrangebyscore",
)  # fmt: skip
IN_A_CLUSTER = ("asking", "cluster|slots", "command", "readonly")

_HEADER = """\
-- Run as the owner of the tables, after each `authsvc migrate`:
--   authsvc grants database {role} | psql --set ON_ERROR_STOP=1 …
-- The role itself is made once: CREATE ROLE {quoted} LOGIN PASSWORD '…' NOSUPERUSER NOCREATEDB NOCREATEROLE;
BEGIN;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {quoted};
GRANT USAGE ON SCHEMA public TO {quoted};
"""


def database_grants(role: str) -> str:
    """Return the SQL that gives ``role`` what the service needs, and takes everything else from it."""
    quoted = _quoted(role)
    grants = (f"GRANT {privileges} ON {table} TO {quoted};\n" for table, privileges in TABLES.items())
    return _HEADER.format(role=role, quoted=quoted) + "".join(grants) + "COMMIT;"


def redis_grants(user: str, prefix: str) -> str:
    """Return the command that makes ``user``, who may do what the service does, to keys with ``prefix``."""
    if not user or any(character.isspace() or not character.isprintable() for character in user):
        raise CommandFailed("A user of Redis has a name without spaces.")
    commands = sorted({*CONNECTING, *SENT, *IN_SCRIPTS, *IN_A_CLUSTER})
    allowed = " ".join(f"+{command}" for command in commands)
    return f"ACL SETUSER {user} reset on >PASSWORD ~{prefix}:* -@all {allowed}"


def _quoted(role: str) -> str:
    if not role or not role.isprintable():
        raise CommandFailed("A role has a name that can be printed.")
    return '"' + role.replace('"', '""') + '"'
