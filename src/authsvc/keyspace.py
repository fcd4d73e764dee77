"""The schema that Redis lacks: every key is a method here, and every key has a TTL.

All keys of one user share the hash tag ``{user id}``, so that one script may touch them on Redis Cluster.

| key                         | type   | TTL                          | written by                 |
|-----------------------------|--------|------------------------------|----------------------------|
| ``session(user, session)``  | hash   | the nearer of both deadlines | sessions: start, rotate    |
| ``sessions(user)``          | zset   | the last absolute deadline   | sessions: start, ends      |
| ``epoch(user)``             | string | `EPOCH_TTL`                  | sessions: ends of all      |
| ``record(user)``            | hash   | `RECORD_TTL`                 | sessions: keep_record      |
| ``bucket(rule, subject)``   | hash   | until it is empty            | throttle: reserve, refund  |

All buckets of attempts share one hash tag: a login counts in several of them in one script.
"""

import re
from datetime import timedelta
from uuid import UUID

EPOCH_TTL = timedelta(hours=1)
"""How long a raised session epoch is remembered: longer than any login can be under way."""

RECORD_TTL = timedelta(minutes=1)
"""How long a user's public record is served from Redis before Postgres is asked again."""


class Keyspace:
    """Names of keys under one prefix, so that several services may share a Redis."""

    def __init__(self, prefix: str = "authsvc") -> None:
        self.prefix = prefix
        self.pattern = re.compile(
            rf"{re.escape(prefix)}:"
            r"(\{[0-9a-f]{32}\}:(session:[0-9a-f]{32}|sessions|epoch|record)|\{throttle\}:[a-z_]+:[0-9a-f]{32})"
        )

    def session(self, user_id: UUID, session_id: UUID) -> str:
        """One session."""
        return f"{self.session_prefix(user_id)}{session_id.hex}"

    def session_prefix(self, user_id: UUID) -> str:
        """What the keys of all of a user's sessions begin with; scripts add the session id."""
        return f"{self.prefix}:{{{user_id.hex}}}:session:"

    def sessions(self, user_id: UUID) -> str:
        """A user's index of sessions: id (hex) by absolute deadline (milliseconds)."""
        return f"{self.prefix}:{{{user_id.hex}}}:sessions"

    def epoch(self, user_id: UUID) -> str:
        """The lowest session epoch with which a session of this user may still be started."""
        return f"{self.prefix}:{{{user_id.hex}}}:epoch"

    def record(self, user_id: UUID) -> str:
        """The user's public record, as served by GET /user, and its version."""
        return f"{self.prefix}:{{{user_id.hex}}}:record"

    def bucket(self, rule: str, subject_digest: str) -> str:
        """How much of a limit is used up; ``subject_digest`` is 32 hexadecimal digits."""
        return f"{self.prefix}:{{throttle}}:{rule}:{subject_digest}"
