"""Tell who is asking."""

from dataclasses import dataclass

from authsvc.flows.client import Caller
from authsvc.flows.find_session import FindSession


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Whoever has an access token of a live session is its caller."""

    find_session: FindSession

    async def __call__(self, access_token: str | None) -> Caller:
        """Return the caller; raises as `FindSession` does."""
        caller, _ = await self.find_session(access_token)
        return caller
