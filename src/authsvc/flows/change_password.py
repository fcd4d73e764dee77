"""Change a password: prove the current one, keep this session, end the others."""

from dataclasses import dataclass
from uuid import uuid4

from authsvc.errors import Overloaded, SessionEnded
from authsvc.flows.client import Caller, Client, origin
from authsvc.flows.identity import login_key
from authsvc.flows.verify_password import VerifyPassword
from authsvc.kit.shielded import to_the_end
from authsvc.passwords.breached import BreachedPasswords
from authsvc.passwords.hasher import PasswordHasher
from authsvc.passwords.policy import PasswordPolicy
from authsvc.sessions.store import SessionStore
from authsvc.throttle.known_device import DeviceTokenSigner, KnownDevice
from authsvc.users.store import UserStore

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """The new hash and the end of the other sessions are one transaction."""

    verify_password: VerifyPassword
    policy: PasswordPolicy
    breached: BreachedPasswords
    hasher: PasswordHasher
    users: UserStore
    sessions: SessionStore
    devices: DeviceTokenSigner

    async def __call__(self, caller: Caller, current: str, new: str, client: Client) -> str:
        """Replace the password; return a device token, as the ones from before count no more.

        Raises:
            InvalidCredentials: the current one is not that; it counts as an attempt to log in.
            WeakPassword: the policy refuses the new one.
            TooManyAttempts, Overloaded: nothing was tried.
            SessionEnded: the user is gone.

        """
        for _ in range(_ATTEMPTS):
            user = await self.users.find(caller.user_id)
            if user is None:
                raise SessionEnded
            proof = await self.verify_password(user, login_key(user.username), current, client)
            user = proof.user
            own_names = [word for word in (user.username, user.name, user.email) if word]
            accepted = self.policy.check(new, own_names=own_names)
            await self.breached.refuse(accepted)
            new_hash = await self.hasher.hash(accepted)
            epoch = await to_the_end(self._replace(caller, user.password_hash, new_hash, client))
            if epoch is not None:
                return self.devices.sign(KnownDevice(user.id, proof.device_id or uuid4(), epoch))
            # The stored hash is another one by now: prove the current password against that.
        raise Overloaded

    async def _replace(self, caller: Caller, old_hash: str, new_hash: str, client: Client) -> int | None:
        epoch = await self.users.change_password(
            caller.user_id, old_hash, new_hash, keep_session=caller.session_id, origin=origin(client)
        )
        if epoch is not None:
            await self.sessions.end_all(caller.user_id, epoch=epoch, keep=caller.session_id)
        return epoch
