"""Delete a user for good, with all that belongs to them."""

from dataclasses import dataclass

from authsvc.errors import Overloaded, SessionEnded
from authsvc.flows.client import Caller, Client, origin
from authsvc.flows.identity import login_key
from authsvc.flows.verify_password import VerifyPassword
from authsvc.kit.shielded import to_the_end
from authsvc.sessions.session import LAST_EPOCH
from authsvc.sessions.store import SessionStore
from authsvc.users.store import UserStore
from authsvc.users.user import User

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class DeleteUser:
    """Asks for the password once more: a stolen access token must not be enough."""

    verify_password: VerifyPassword
    users: UserStore
    sessions: SessionStore

    async def __call__(self, caller: Caller, password: str, client: Client) -> None:
        """Delete the caller and end all their sessions.

        Raises:
            InvalidCredentials: the password is wrong; it counts as an attempt to log in.
            TooManyAttempts, Overloaded: nothing was tried.
            SessionEnded: the user is gone already.

        """
        for _ in range(_ATTEMPTS):
            user = await self.users.find(caller.user_id)
            if user is None:
                raise SessionEnded
            proof = await self.verify_password(user, login_key(user.username), password, client)
            if await to_the_end(self._delete(proof.user, caller, client)):
                return
            # The stored hash is another one by now: prove the password against that.
        raise Overloaded

    async def _delete(self, user: User, caller: Caller, client: Client) -> bool:
        by, asked = caller.session_id, origin(client)
        if not await self.users.delete(user.id, user.password_hash, by=by, origin=asked):
            return False
        await self.sessions.end_all(user.id, epoch=LAST_EPOCH)
        return True
