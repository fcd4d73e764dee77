"""How long the request at hand may still be at the database: all its visits share one deadline."""

from contextvars import ContextVar
from dataclasses import dataclass

from authsvc.kit.logs import request_id


@dataclass(slots=True)
class Allowance:
    """What is left of it, in seconds, and which request it belongs to."""

    request: str
    left: float


_current: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


def allowance_of_request(seconds: float) -> Allowance | None:
    """Return that of the request that is being served, ``seconds`` at first; None outside of any.

    Tasks that the request starts share it from its first visit on.
    """
    request = request_id.get()
    if request is None:
        return None
    allowance = _current.get()
    if allowance is None or allowance.request != request:
        allowance = Allowance(request, seconds)
        _current.set(allowance)
    return allowance
