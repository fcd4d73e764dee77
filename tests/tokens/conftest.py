from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.tokens.forging import TTL, SettableClock, issuer_with

from authsvc.kit.database import Database, metadata
from authsvc.tokens import tables  # noqa: F401 - registers the table
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.tokens.key_cipher import KeyCipher
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.key_schedule import KeySchedule
from authsvc.tokens.signing_keys import Algorithm
from authsvc.tokens.store import SigningKeyStore


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'keys.db'}")
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield database
    async with database.write() as connection:
        await connection.run_sync(metadata.drop_all)
    await database.close()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def schedule() -> KeySchedule:
    return KeySchedule(TTL)


@pytest.fixture
def cipher() -> KeyCipher:
    return KeyCipher(b"a secret of at least 32 bytes ...")


@pytest.fixture
def store(database: Database, cipher: KeyCipher) -> SigningKeyStore:
    return SigningKeyStore(database, cipher)


@pytest.fixture
def algorithm() -> Algorithm:
    return "EdDSA"


@pytest.fixture
async def key_ring(
    store: SigningKeyStore, clock: SettableClock, schedule: KeySchedule, algorithm: Algorithm
) -> KeyRing:
    ring = KeyRing(store, algorithm=algorithm, schedule=schedule, clock=clock)
    await ring.refresh()
    return ring


@pytest.fixture
def issuer(key_ring: KeyRing, clock: SettableClock) -> AccessTokenIssuer:
    return issuer_with(key_ring, clock)
