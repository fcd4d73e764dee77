"""Who is on the other end of the connection, as far as it matters to the verbs."""

from dataclasses import dataclass, field
from uuid import UUID

from authsvc.audit.event import SOMEBODY, Actor, Origin


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from: the peer's address (or what a trusted proxy says) and its User-Agent.

    ``request_id`` leads from the ledger to the log. ``device_token`` is what an earlier login answered,
    unverified.
    """

    ip_address: str
    user_agent: str
    request_id: str | None = None
    device_token: str | None = field(default=None, repr=False)


def origin(client: Client | None) -> Origin:
    """Return how the ledger names a user at ``client``. What cannot be printed, it does not hold."""
    if client is None:
        return SOMEBODY
    user_agent = client.user_agent
    if not user_agent.isprintable():
        user_agent = "".join(character if character.isprintable() else "?" for character in user_agent)
    return Origin(Actor.USER, client.ip_address, user_agent, client.request_id)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose live session a request belongs to."""

    user_id: UUID
    session_id: UUID
