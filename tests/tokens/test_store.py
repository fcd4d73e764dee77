import asyncio
from datetime import timedelta
from typing import get_args

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select, update
from tests.tokens.forging import START

from authsvc.kit.database import Database
from authsvc.tokens.key_cipher import DamagedSigningKeyError, KeyCipher, SigningKeyError, WrongSecretKeyError
from authsvc.tokens.key_schedule import KeySchedule
from authsvc.tokens.signing_keys import Algorithm
from authsvc.tokens.store import SigningKeyStore
from authsvc.tokens.tables import signing_keys

LEAD = timedelta(minutes=8)


async def set_columns(database: Database, **values: object) -> None:
    async with database.write() as connection:
        await connection.execute(update(signing_keys).values(**values))


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
async def test_another_instance_reads_the_same_key(
    database: Database, store: SigningKeyStore, cipher: KeyCipher, algorithm: Algorithm
):
    added = await store.ensure(algorithm, START, LEAD)
    (read,) = await SigningKeyStore(database, cipher).all()
    assert added == read
    assert (read.algorithm, read.created_at, read.active_from) == (algorithm, START, START)
    assert added.has_signed(b"x", read.sign(b"x"))


async def test_ensuring_twice_makes_one_key(store: SigningKeyStore):
    assert await store.ensure("EdDSA", START, LEAD)
    assert await store.ensure("EdDSA", START, LEAD) is None
    assert len(await store.all()) == 1


async def test_ten_instances_that_start_at_once_make_one_key(database: Database, cipher: KeyCipher):
    url = database.engine.url.render_as_string(hide_password=False)
    instances = [await asyncio.to_thread(Database, url) for _ in range(10)]
    stores = [SigningKeyStore(instance, cipher) for instance in instances]
    try:
        added = await asyncio.gather(*(store.ensure("EdDSA", START, LEAD) for store in stores))
        assert len([key for key in added if key]) == 1
        seen = await asyncio.gather(*(store.all() for store in stores))
        assert {key.kid for keys in seen for key in keys} == {key.kid for key in added if key}
    finally:
        for instance in instances:
            await instance.close()


async def test_ten_rotations_at_once_add_one_key(
    database: Database, cipher: KeyCipher, store: SigningKeyStore
):
    await store.ensure("EdDSA", START, LEAD)
    stores = [SigningKeyStore(database, cipher) for _ in range(10)]
    added = await asyncio.gather(*(store.rotate("EdDSA", START, LEAD) for store in stores))
    assert len([key for key in added if key]) == 1
    assert len(await store.all()) == 2


async def test_a_successor_is_published_before_it_signs(store: SigningKeyStore):
    await store.ensure("EdDSA", START, LEAD)
    now = START + timedelta(days=1)
    successor = await store.rotate("EdDSA", now, LEAD)
    assert successor is not None
    assert (successor.created_at, successor.active_from) == (now, now + LEAD)
    assert await store.rotate("EdDSA", now + LEAD - timedelta(seconds=1), LEAD) is None
    assert await store.rotate("EdDSA", now + LEAD, LEAD) is not None


async def test_a_changed_algorithm_begins_with_a_published_key(store: SigningKeyStore):
    await store.ensure("EdDSA", START, LEAD)
    await store.ensure("ES256", START + timedelta(days=1), LEAD)
    assert await store.ensure("ES256", START + timedelta(days=1), LEAD) is None
    first, second = await store.all()
    assert (first.algorithm, second.algorithm) == ("EdDSA", "ES256")
    assert second.active_from == START + timedelta(days=1) + LEAD


async def test_a_rotation_without_any_key_makes_one_that_signs_at_once(store: SigningKeyStore):
    added = await store.rotate("EdDSA", START, LEAD)
    assert added is not None
    assert added.active_from == START


async def test_only_retired_keys_are_forgotten(store: SigningKeyStore, schedule: KeySchedule):
    first = await store.ensure("EdDSA", START, LEAD)
    second = await store.rotate("EdDSA", START, LEAD)
    assert first is not None
    assert second is not None
    end = START + LEAD + schedule.retire_after
    assert await store.forget_retired(end - timedelta(microseconds=1), schedule) == set()
    assert await store.forget_retired(end, schedule) == {first.kid}
    assert await store.forget_retired(end + timedelta(days=3650), schedule) == set()
    assert [key.kid for key in await store.all()] == [second.kid]


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
async def test_the_database_holds_no_private_key_in_clear(
    database: Database, store: SigningKeyStore, algorithm: Algorithm
):
    key = await store.ensure(algorithm, START, LEAD)
    assert key is not None
    async with database.read() as connection:
        row = (await connection.execute(select(signing_keys))).one()
    stored = b"|".join(bytes(v) if isinstance(v, bytes) else str(v).encode() for v in row)
    private = key.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    # No stretch of 16 bytes of it appears; those that the public half shares are in the JWK as base64 only.
    assert not any(private[i : i + 16] in stored for i in range(len(private) - 15))


async def test_a_wrong_secret_stops_the_reading_and_adds_nothing(database: Database, store: SigningKeyStore):
    await store.ensure("EdDSA", START, LEAD)
    stranger = SigningKeyStore(database, KeyCipher(b"another secret of 32 bytes or more"))
    with pytest.raises(WrongSecretKeyError, match="AUTHSVC_SECRET_KEY"):
        await stranger.all()
    assert await stranger.ensure("EdDSA", START, LEAD) is None


@pytest.mark.parametrize(
    "change",
    [
        {"public_jwk": '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'},
        {"public_jwk": "not json"},
        {"kid": "another"},
        {"algorithm": "RS256"},
        {"algorithm": "none"},
        {"private_key": b""},
        {"private_key": b"\x01" + b"\0" * 80},
    ],
)
async def test_a_tampered_row_is_noticed_even_by_who_read_it_before(
    database: Database, store: SigningKeyStore, change: dict[str, object]
):
    await store.ensure("EdDSA", START, LEAD)
    await store.all()
    await set_columns(database, **change)
    with pytest.raises(SigningKeyError) as told:
        await store.all()
    assert isinstance(told.value, DamagedSigningKeyError) or change == {"private_key": b"\x01" + b"\0" * 80}
