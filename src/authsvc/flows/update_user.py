"""Change a user's name or e-mail address."""

from dataclasses import dataclass

from authsvc.errors import SessionEnded
from authsvc.flows.client import Caller, Client, origin
from authsvc.kit.shielded import to_the_end
from authsvc.sessions.store import SessionStore
from authsvc.users.store import UserStore
from authsvc.users.user import ProfileChanges, User, public_record


@dataclass(frozen=True, slots=True)
class UpdateUser:
    """Commits, then hands the new record to whoever looks next."""

    users: UserStore
    sessions: SessionStore

    async def __call__(self, caller: Caller, changes: ProfileChanges, client: Client | None = None) -> User:
        """Return the user as stored.

        Raises:
            EmailTaken: somebody else has it; nothing changed.
            SessionEnded: the user is gone.

        """
        return await to_the_end(self._update(caller, changes, client))

    async def _update(self, caller: Caller, changes: ProfileChanges, client: Client | None) -> User:
        user = await self.users.update_profile(
            caller.user_id, changes, by=caller.session_id, origin=origin(client)
        )
        if user is None:
            raise SessionEnded
        await self.sessions.keep_record(user.id, user.version, public_record(user))
        return user
