"""What a store holds that this service did not put there harms nobody but its owner."""

import re
from uuid import UUID

import pytest
import structlog
from sqlalchemy import select, update
from tests.support.service import code_of

from authsvc.keyspace import Keyspace
from authsvc.users.tables import users


async def store_hash(database, username: str, password_hash: str) -> None:
    async with database.write() as connection:
        await connection.execute(
            update(users).where(users.c.username == username).values(password_hash=password_hash)
        )


# A009
async def test_what_is_stored_of_a_password_is_an_argon2id_hash(service, database):
    await service.register("ada")
    await service.register("grace")
    async with database.read() as connection:
        stored = list(await connection.scalars(select(users.c.password_hash)))
    assert len(set(stored)) == 2
    assert all(re.fullmatch(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$\S+", each) for each in stored), stored


# A016
@pytest.mark.parametrize(
    "hostile",
    [
        "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0",
        "$2b$12$KIXQJ1m8Yb0z1p3v5x7z9uQe8w6r4t2y0A1s3d5f7g9h1j3k5l7m9",
        "a lantern over quiet water",
        "",
    ],
    ids=["far too costly", "bcrypt", "clear text", "nothing"],
)
async def test_a_hostile_stored_hash_is_a_wrong_password_and_is_told_in_the_log(service, database, hostile):
    await service.register("ada")
    await service.register("grace")
    await store_hash(database, "ada", hostile)
    with structlog.testing.capture_logs() as logged:
        answer = await service.try_login("ada")
    assert (answer.status_code, code_of(answer)) == (401, "invalid_credentials")
    assert "stored_password_hash_refused" in [entry["event"] for entry in logged]
    assert not hostile or hostile not in str(logged)
    assert (await service.try_login("grace")).status_code == 200


# A104
@pytest.mark.parametrize("path", ["/user", "/sessions"])
async def test_a_damaged_session_is_a_defect_for_itself_alone(service, redis, path):
    mine = await service.sign_up("ada")
    theirs = await service.sign_up("grace")
    user_id = UUID((await service.user(mine)).json()["id"])
    await redis.execute("HSET", Keyspace().session(user_id, mine.session_id), "e", "zq9canary")
    with structlog.testing.capture_logs() as logged:
        answer = await service.client.get(path, headers=mine.bearer)
    assert (answer.status_code, code_of(answer)) == (500, "internal_error")
    assert answer.json()["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    assert "zq9canary" not in answer.text
    assert "defect" in [entry["event"] for entry in logged]
    assert (await service.client.get(path, headers=theirs.bearer)).status_code == 200
