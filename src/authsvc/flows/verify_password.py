"""Prove that somebody knows the password of an account: the one way in which a password is ever checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from authsvc.errors import Overloaded, UnknownUser, UserDisabled, WrongPassword
from authsvc.flows.client import Client
from authsvc.passwords.hasher import PasswordHasher
from authsvc.throttle.known_device import DeviceTokenSigner
from authsvc.throttle.rules import Attempt, Rules, refunded
from authsvc.throttle.store import ThrottleStore
from authsvc.users.store import UserStore
from authsvc.users.user import User

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Proof:
    """Who proved to know the password; and the device that they were known by already, if there is one.

    ``attempts`` is what this counted under, for as long as nothing was taken back.
    """

    user: User
    device_id: UUID | None
    attempts: Sequence[Attempt]


@dataclass(frozen=True, slots=True)
class VerifyPassword:
    """Counts the attempt first, so that no more hashes are computed than the limits allow."""

    throttle: ThrottleStore
    rules: Rules
    devices: DeviceTokenSigner
    users: UserStore
    hasher: PasswordHasher

    async def __call__(self, user: User | None, account: str, password: str, client: Client) -> Proof:
        """Return a proof if the password is that of ``user``; ``account`` is what was tried (`login_key`).

        Raises:
            TooManyAttempts: no hash was computed.
            Overloaded: no hash was computed; the attempt does not count.
            UnknownUser, WrongPassword, UserDisabled: told alike, after the same work.

        """
        proof = await self.without_refund(user, account, password, client)
        await self.refund(proof)
        return proof

    async def refund(self, proof: Proof) -> None:
        """Take back an attempt that was none: the password was right."""
        await self.throttle.refund(refunded(proof.attempts))

    async def without_refund(self, user: User | None, account: str, password: str, client: Client) -> Proof:
        """Do the same, for who calls `refund` together with something else that Redis is told."""
        device_id = self._known_device(user, client.device_token)
        attempts = self.rules.password_attempt(account, client.ip_address, device_id)
        await self.throttle.reserve(attempts)
        # Who may not enter is nobody to the hasher: the right password must not take another time.
        password_hash = user.password_hash if user and user.is_active else None
        try:
            verified = await self.hasher.verify(password_hash, password)
        except Overloaded:
            await self.throttle.refund(attempts)
            raise
        if user is None:
            raise UnknownUser
        if not user.is_active:
            _log.info("password_refused", user_id=str(user.id), fact=UserDisabled.__name__)
            raise UserDisabled
        if not verified:
            _log.info("password_refused", user_id=str(user.id), fact=WrongPassword.__name__)
            raise WrongPassword
        return Proof(user, device_id, attempts)

    def _known_device(self, user: User | None, device_token: str | None) -> UUID | None:
        """Return the device that ``user`` logged in on before; somebody else's token counts as none."""
        device = None if device_token is None else self.devices.verify(device_token)
        if device is None or user is None or not device.belongs_to(user.id, user.session_epoch):
            return None
        return device.device_id
