"""Every SQL statement about signing keys."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from authsvc.audit.event import SERVICE, Event, EventName, Origin
from authsvc.audit.store import record
from authsvc.kit.database import Database
from authsvc.tokens.key_cipher import DamagedSigningKeyError, KeyCipher
from authsvc.tokens.key_schedule import KeySchedule
from authsvc.tokens.signing_keys import Algorithm, SigningKey, generate
from authsvc.tokens.tables import signing_keys

_ALL = select(signing_keys).order_by(
    signing_keys.c.active_from, signing_keys.c.created_at, signing_keys.c.kid
)
_LOCK = text("SELECT pg_advisory_xact_lock(4705281920361174)")  # an arbitrary number that only this file uses

Rows = Sequence[Row[Any]]


class SigningKeyStore:
    """The signing keys that all instances share. Every method may raise `Outage`."""

    def __init__(self, database: Database, cipher: KeyCipher) -> None:
        self._database = database
        self._cipher = cipher
        self._opened: dict[str, tuple[Row[Any], SigningKey]] = {}

    async def all(self) -> list[SigningKey]:
        """Return every key, in the order in which they sign. `SigningKeyError` if one cannot be read."""
        rows = await self._rows()
        # Off the loop: an RSA key is proven consistent when it is loaded, which takes a while.
        keys = await asyncio.to_thread(lambda: [self._open(row) for row in rows])
        self._opened = {row.kid: (row, key) for row, key in zip(rows, keys, strict=True)}
        return keys

    async def ensure(self, algorithm: Algorithm, now: datetime, publish_lead: timedelta) -> SigningKey | None:
        """See to it that the last key is one for ``algorithm``; return the key if one was added.

        The very first key signs from ``now`` on. One for a changed algorithm is published first, like any
        other: tokens signed with the old one stay valid.
        """
        return await self._add(
            algorithm, now, publish_lead, lambda rows: _ends_with_another(rows, algorithm), SERVICE
        )

    async def rotate(
        self, algorithm: Algorithm, now: datetime, publish_lead: timedelta, *, origin: Origin = SERVICE
    ) -> SigningKey | None:
        """Add a key that signs from ``now + publish_lead`` on; None if one is waiting already."""
        return await self._add(algorithm, now, publish_lead, lambda rows: _none_waits(rows, now), origin)

    async def forget_retired(self, now: datetime, schedule: KeySchedule) -> set[str]:
        """Delete the keys that are no longer accepted; return their kids.

        Needs no lock: a retired key stays retired whatever others add or delete.
        """
        kids = schedule.retired(await self.all(), now)
        if kids:
            async with self._database.write() as connection:
                for kid in sorted(kids):  # in a fixed order: two instances wait for each other
                    gone = delete(signing_keys).where(signing_keys.c.kid == kid).returning(signing_keys.c.kid)
                    await record(
                        connection, gone, Event(EventName.SIGNING_KEY_RETIRED, SERVICE, reason=kid), now
                    )
        return kids

    async def _add(
        self,
        algorithm: Algorithm,
        now: datetime,
        publish_lead: timedelta,
        is_wanted: Callable[[Rows], bool],
        origin: Origin,
    ) -> SigningKey | None:
        if not is_wanted(await self._rows()):
            return None
        # Made before the lock is taken, so that nobody waits for it; lost if somebody else was faster.
        key = await asyncio.to_thread(generate, algorithm, created_at=now, active_from=now)
        async with self._locked() as connection:
            rows = (await connection.execute(_ALL)).all()
            if not is_wanted(rows):
                return None
            if rows:
                key = replace(key, active_from=now + publish_lead)
            new = insert(signing_keys).values(self._values(key)).returning(signing_keys.c.kid)
            await record(connection, new, Event(EventName.SIGNING_KEY_ADDED, origin, reason=key.kid), now)
        return key

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[AsyncConnection]:
        """Give a transaction that no other one of these runs beside, on any instance."""
        async with self._database.write() as connection:
            if not self._database.is_sqlite:  # where the transaction itself is the lock
                await connection.execute(_LOCK)
            yield connection

    async def _rows(self) -> Rows:
        async with self._database.read() as connection:
            return (await connection.execute(_ALL)).all()

    def _values(self, key: SigningKey) -> dict[str, object]:
        return {
            "kid": key.kid,
            "algorithm": key.algorithm,
            "public_jwk": json.dumps(dict(key.public_jwk)),
            "private_key": self._cipher.seal(key),
            "created_at": key.created_at,
            "active_from": key.active_from,
        }

    def _remembered(self, row: Row[Any]) -> SigningKey | None:
        seen = self._opened.get(row.kid)
        return seen[1] if seen and tuple(seen[0]) == tuple(row) else None

    def _open(self, row: Row[Any]) -> SigningKey:
        if key := self._remembered(row):
            return key
        private_key = self._cipher.unseal(row.private_key, kid=row.kid, algorithm=row.algorithm)
        try:
            key = SigningKey.of(
                private_key, row.algorithm, created_at=row.created_at, active_from=row.active_from
            )
        except ValueError:
            raise DamagedSigningKeyError(row.kid) from None  # too weak, or not for this algorithm
        if not _describes(row, key):
            raise DamagedSigningKeyError(row.kid)
        return key


def _describes(row: Row[Any], key: SigningKey) -> bool:
    """Whether the readable part of ``row`` is about the key that was sealed."""
    try:
        public_jwk = json.loads(row.public_jwk)
    except ValueError:
        return False
    return bool(key.kid == row.kid and public_jwk == dict(key.public_jwk))


def _ends_with_another(rows: Rows, algorithm: Algorithm) -> bool:
    return not rows or rows[-1].algorithm != algorithm


def _none_waits(rows: Rows, now: datetime) -> bool:
    return not any(row.active_from > now for row in rows)
