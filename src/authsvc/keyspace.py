"""The schema that Redis lacks: every key is a method here, and every key has a TTL.

All keys of one user share the hash tag ``{user id}``, so that one script may touch them on Redis Cluster.
Names are short, since each session pays for its own and for its share of its user's: an id is 22 characters,
its 16 bytes in base64url (RFC 4648, section 5) without padding; what is no session ends in one letter.

| key                         | type   | TTL                          | written by                 |
|-----------------------------|--------|------------------------------|----------------------------|
| ``session(user, session)``  | hash   | the nearer of both deadlines | sessions: start, rotate    |
| ``sessions(user)``          | zset   | the last absolute deadline   | sessions: start, ends      |
| ``epoch(user)``             | string | `EPOCH_TTL`                  | sessions: ends of all      |
| ``record(user)``            | string | `RECORD_TTL`                 | sessions: keep_record      |
| ``bucket(rule, subject)``   | hash   | until it is empty            | throttle: reserve, refund  |

All buckets of attempts share one hash tag: a login counts in several of them in one script. No key ever
bears the name that ``probe()`` returns.
"""

import re
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from datetime import timedelta
from uuid import UUID

EPOCH_TTL = timedelta(hours=1)
"""How long a raised session epoch is remembered: longer than any login can be under way."""

RECORD_TTL = timedelta(minutes=1)
"""How long a user's public record is served from Redis before Postgres is asked again."""


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_ID = "[A-Za-z0-9_-]{21}[AQgw]"


def id_text(id_: UUID) -> str:
    """Return an id as it stands in names and in the index: 22 characters."""
    return b2a_base64(id_.bytes)[:22].translate(_URL_SAFE).decode()


def parse_id(text: bytes) -> UUID:
    """Return the id that `id_text` wrote."""
    return UUID(bytes=urlsafe_b64decode(text + b"=="))


class Keyspace:
    """Names of keys under one prefix, so that several services may share a Redis."""

    def __init__(self, prefix: str = "authsvc") -> None:
        self.prefix = prefix
        self.pattern = re.compile(
            rf"{re.escape(prefix)}:"
            rf"(\{{{_ID}\}}:({_ID}|[ser])|\{{throttle\}}:[a-z_]+:[0-9a-f]{{32}})"
        )

    def session(self, user_id: UUID, session_id: UUID) -> str:
        """One session."""
        return f"{self.session_prefix(user_id)}{id_text(session_id)}"

    def looked_up(self, user_id: UUID, session_id: UUID) -> tuple[str, str]:
        """`session` and `record` at once, for the road that most requests take."""
        prefix = self.session_prefix(user_id)
        return f"{prefix}{id_text(session_id)}", f"{prefix}r"

    def session_prefix(self, user_id: UUID) -> str:
        """What the keys of all of a user's sessions begin with; scripts add the session id."""
        return f"{self.prefix}:{{{id_text(user_id)}}}:"

    def sessions(self, user_id: UUID) -> str:
        """A user's index of sessions: id (`id_text`) by absolute deadline (milliseconds)."""
        return f"{self.session_prefix(user_id)}s"

    def epoch(self, user_id: UUID) -> str:
        """The lowest session epoch with which a session of this user may still be started."""
        return f"{self.session_prefix(user_id)}e"

    def record(self, user_id: UUID) -> str:
        """The user's public record, as served by GET /user, with its version in front."""
        return f"{self.session_prefix(user_id)}r"

    def probe(self) -> str:
        """What no key is called: who asks whether writes are taken, asks with it."""
        return f"{self.prefix}:{{probe}}"

    def bucket(self, rule: str, subject_digest: str) -> str:
        """How much of a limit is used up; ``subject_digest`` is 32 hexadecimal digits."""
        return f"{self.prefix}:{{throttle}}:{rule}:{subject_digest}"
