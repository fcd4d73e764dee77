"""Prove that somebody knows the password of an account: the one way in which a password is ever checked."""

from dataclasses import dataclass

import structlog

from authsvc.errors import Overloaded, UnknownUser, UserDisabled, WrongPassword
from authsvc.flows.client import Client
from authsvc.passwords.hasher import PasswordHasher
from authsvc.throttle.rules import Rules
from authsvc.throttle.store import ThrottleStore
from authsvc.users.store import UserStore
from authsvc.users.user import User

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class VerifyPassword:
    """Counts the attempt first, so that no more hashes are computed than the limits allow."""

    throttle: ThrottleStore
    rules: Rules
    users: UserStore
    hasher: PasswordHasher

    async def __call__(self, user: User | None, account: str, password: str, client: Client) -> User:
        """Return ``user`` if the password is theirs. ``account`` is what was tried (see `login_key`).

        Raises:
            TooManyAttempts: no hash was computed.
            Overloaded: no hash was computed; the attempt does not count.
            UnknownUser, WrongPassword, UserDisabled: told alike, after the same work.

        """
        attempts = self.rules.password_attempt(account, client.ip_address)
        await self.throttle.reserve(attempts)
        try:
            verified = await self.hasher.verify(user.password_hash if user else None, password)
        except Overloaded:
            await self.throttle.refund(attempts)
            raise
        if user is None:
            raise UnknownUser
        if not verified:
            _log.info("password_refused", user_id=str(user.id), fact=WrongPassword.__name__)
            raise WrongPassword
        if not user.is_active:
            _log.info("password_refused", user_id=str(user.id), fact=UserDisabled.__name__)
            raise UserDisabled
        await self.throttle.refund(attempts)
        return user
