"""Who is on the other end of the connection, as far as it matters to the verbs."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from: the peer's address (or what a trusted proxy says) and its User-Agent."""

    ip_address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose live session a request belongs to."""

    user_id: UUID
    session_id: UUID
