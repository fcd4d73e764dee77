"""What happens at the same time: something else is done while a password is being proven."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from authsvc.flows.verify_password import VerifyPassword
from authsvc.passwords.hasher import PasswordHasher

Meanwhile = Callable[[], Awaitable[Any]]


class SlowHasher(PasswordHasher):
    """The real hasher; after each verification ``meanwhile`` happens before anybody learns the result."""

    def __init__(self, hasher: PasswordHasher, meanwhile: Meanwhile) -> None:
        self._hasher = hasher
        self._meanwhile = meanwhile

    async def hash(self, password: str) -> str:
        return await self._hasher.hash(password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        verified = await self._hasher.verify(password_hash, password)
        await self._meanwhile()
        return verified

    def needs_rehash(self, password_hash: str) -> bool:
        return self._hasher.needs_rehash(password_hash)


def interrupted(flow: Any, meanwhile: Meanwhile) -> Any:
    """Return ``flow`` with ``meanwhile`` between the proof of the password and what follows from it."""
    verify: VerifyPassword = flow.verify_password
    return replace(flow, verify_password=replace(verify, hasher=SlowHasher(verify.hasher, meanwhile)))


def once(action: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Meanwhile:
    """Return what does ``action`` the first time and nothing afterwards."""
    done = False

    async def meanwhile() -> None:
        nonlocal done
        if not done:
            done = True
            await action(*args, **kwargs)

    return meanwhile
