"""Log in with a username or an e-mail address and a password."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from authsvc.audit.event import Event, EventName
from authsvc.audit.store import AuditStore
from authsvc.errors import Overloaded
from authsvc.flows.client import Client, origin
from authsvc.flows.identity import login_key
from authsvc.flows.issue_tokens import IssueTokens, TokenPair
from authsvc.flows.verify_password import Proof, VerifyPassword
from authsvc.kit.clock import Clock
from authsvc.kit.outage import Outage
from authsvc.kit.shielded import to_the_end
from authsvc.passwords.hasher import PasswordHasher
from authsvc.sessions.refresh_token import RefreshToken, new_secret
from authsvc.sessions.session import NewSession
from authsvc.sessions.store import SessionStore
from authsvc.throttle.known_device import DeviceTokenSigner, KnownDevice
from authsvc.users.store import UserStore

_AMR = ("pwd",)  # RFC 8176, section 2
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class LogIn:
    """No connection is held while the password is hashed."""

    verify_password: VerifyPassword
    users: UserStore
    hasher: PasswordHasher
    sessions: SessionStore
    issue_tokens: IssueTokens
    devices: DeviceTokenSigner
    audit: AuditStore
    session_ttl: timedelta
    clock: Clock

    async def __call__(self, login: str, password: str, client: Client) -> TokenPair:
        """Start a session, on a device that is known from now on.

        Raises:
            InvalidCredentials: unknown, wrong or disabled; told alike, after the same work.
            TooManyAttempts, Overloaded: nothing was tried.

        """
        self.issue_tokens.require_key()
        for _ in range(_ATTEMPTS):
            user = await self.users.find_by_login(login)
            proof = await self.verify_password.without_refund(user, login_key(login), password, client)
            user = proof.user
            if self.hasher.needs_rehash(user.password_hash):
                await self._strengthen(proof, password, client)
            pair = await to_the_end(self._start_session(proof, client))
            if pair is not None:
                device = KnownDevice(user.id, proof.device_id or uuid4(), user.session_epoch)
                return replace(pair, device_token=self.devices.sign(device))
            # All sessions were ended since the user was read; the password may be another one by now.
        raise Overloaded

    async def _strengthen(self, proof: Proof, password: str, client: Client) -> None:
        user = proof.user
        try:
            stronger = await self.hasher.hash(password)
            await self.users.replace_password_hash(
                user.id, user.password_hash, stronger, origin=origin(client)
            )
        except (Outage, Overloaded):
            await self.verify_password.refund(proof)
            raise

    async def _start_session(self, proof: Proof, client: Client) -> TokenPair | None:
        user = proof.user
        token = RefreshToken(user.id, uuid4(), new_secret())
        new = NewSession(
            id=token.session_id,
            user_id=user.id,
            secret_digest=token.secret_digest,
            epoch=user.session_epoch,
            amr=_AMR,
            ip_address=client.ip_address,
            user_agent=client.user_agent,
        )
        # Redis is told both in one round trip: the refund is asked for as soon as this task waits.
        refund = asyncio.create_task(self.verify_password.refund(proof))
        try:
            started = await self.sessions.start(new)
        finally:
            await refund
        if started is None:
            return None
        now, asked = self.clock(), origin(client)
        if started.displaced:
            why = EventName.SESSION_DISPLACED
            until = now + self.session_ttl
            await self.users.end_sessions(user.id, started.displaced, until, why=why, origin=asked)
        # Answered only once it is recorded. If that fails, nobody holds the tokens of the session.
        await self.audit.add(Event(EventName.LOGIN_SUCCEEDED, asked, user.id, token.session_id), now)
        return self.issue_tokens(
            token, auth_time=started.created_at, amr=_AMR, session_expires_in=started.expires_in
        )
