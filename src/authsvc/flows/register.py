"""Register a new user."""

from dataclasses import dataclass

from authsvc.flows.client import Client, origin
from authsvc.flows.identity import parse_email, parse_name, parse_username
from authsvc.passwords.breached import BreachedPasswords
from authsvc.passwords.hasher import PasswordHasher
from authsvc.passwords.policy import PasswordPolicy
from authsvc.throttle.rules import Rules
from authsvc.throttle.store import ThrottleStore
from authsvc.users.store import UserStore
from authsvc.users.user import NewUser, User


@dataclass(frozen=True, slots=True)
class Register:
    """The database decides who was first: fifty at once make one row."""

    throttle: ThrottleStore
    rules: Rules
    policy: PasswordPolicy
    breached: BreachedPasswords
    hasher: PasswordHasher
    users: UserStore

    async def __call__(
        self, username: str, password: str, name: str | None, email: str | None, client: Client
    ) -> User:
        """Return the user as stored.

        Raises:
            InvalidRequest, WeakPassword: nothing was tried.
            UsernameTaken, EmailTaken: somebody has it.
            TooManyAttempts, Overloaded: nothing was tried.

        """
        parsed_username = parse_username(username)
        parsed_email = None if email is None else parse_email(email)
        shown_name = None if name is None else parse_name(name)
        own_names = [word for word in (username, name, email) if word]
        accepted = self.policy.check(password, own_names=own_names)
        await self.breached.refuse(accepted)
        await self.throttle.reserve(self.rules.registration_attempt(client.ip_address))
        password_hash = await self.hasher.hash(accepted)
        new = NewUser(parsed_username, shown_name, parsed_email, password_hash)
        return await self.users.add(new, origin=origin(client))
