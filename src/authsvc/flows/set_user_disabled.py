"""Keep a user out, or let them in again: what an operator does."""

from dataclasses import dataclass

from authsvc.audit.event import OPERATOR
from authsvc.kit.shielded import to_the_end
from authsvc.sessions.store import SessionStore
from authsvc.users.store import UserStore
from authsvc.users.user import User


@dataclass(frozen=True, slots=True)
class SetUserDisabled:
    """A disabled user's sessions end at once."""

    users: UserStore
    sessions: SessionStore

    async def __call__(self, login: str, *, disabled: bool) -> User | None:
        """Return the user as stored, None if there is no such user."""
        user = await self.users.find_by_login(login)
        return None if user is None else await to_the_end(self._set(user, disabled=disabled))

    async def _set(self, user: User, *, disabled: bool) -> User | None:
        stored = await self.users.set_disabled(user.id, disabled, origin=OPERATOR)
        if stored is not None and disabled:
            await self.sessions.end_all(stored.id, epoch=stored.session_epoch)
        return stored
