import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import structlog
from argon2.low_level import Type, verify_secret
from pydantic import SecretStr
from tests.support.service import NEW_PASSWORD, PASSWORD

from authsvc.errors import WrongPassword
from authsvc.flows.client import Client
from authsvc.passwords.hasher import HashingProfile, PasswordHasher
from authsvc.passwords.pepper import Pepper, Peppers, split
from authsvc.wiring import wire

OLD, NEW = (
    Pepper.of(b"the old pepper, kept elsewhere....."),
    Pepper.of(b"the new pepper, kept elsewhere....."),
)
CLIENT = Client("203.0.113.7", "curl/8")

Make = Callable[..., PasswordHasher]


@pytest.fixture
async def hasher() -> AsyncIterator[Make]:
    made: list[PasswordHasher] = []

    def make(current: Pepper | None = None, previous: Pepper | None = None) -> PasswordHasher:
        peppers = Peppers(current, previous)
        made.append(
            PasswordHasher(
                HashingProfile(), threads=1, queue_length=9, queue_timeout=30, niceness=0, peppers=peppers
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


async def test_a_hash_names_its_pepper_and_stays_a_phc_string_behind_that(hasher):
    stored = await hasher(OLD).hash(PASSWORD)
    assert stored.startswith(f"pepper={OLD.key_id}$argon2id$v=19$m=19456,t=2,p=1$")
    assert split(stored) == (OLD.key_id, stored.removeprefix(f"pepper={OLD.key_id}"))


async def test_without_a_pepper_nothing_is_different(hasher):
    stored = await hasher().hash(PASSWORD)
    assert stored.startswith("$argon2id$v=19$")
    assert split(stored) == (None, stored)
    assert not hasher().needs_rehash(stored)


# A012
async def test_a_copy_of_the_database_without_the_pepper_verifies_nothing(hasher):
    stored = await hasher(OLD).hash(PASSWORD)
    assert await hasher(OLD).verify(stored, PASSWORD)
    assert not await hasher(OLD).verify(stored, NEW_PASSWORD)
    for thief in (hasher(), hasher(NEW)):
        with structlog.testing.capture_logs() as logged:
            assert not await thief.verify(stored, PASSWORD)
        assert thief.computed == 1  # as much work as for any wrong password
        assert [(line["event"], line["reason"]) for line in logged] == [
            ("stored_password_hash_refused", "made with a pepper that is not set")
        ]
    # Nor does taking the mark away: what was hashed is not the password.
    phc_string = split(stored)[1]
    assert not await hasher().verify(phc_string, PASSWORD)
    assert await asyncio.to_thread(verify_secret, phc_string.encode(), OLD.season(PASSWORD.encode()), Type.ID)


# A012
async def test_another_pepper_keeps_what_the_old_one_made_and_makes_it_anew(hasher):
    stored, plain = await hasher(OLD).hash(PASSWORD), await hasher().hash(PASSWORD)
    both = hasher(NEW, OLD)
    for before in (stored, plain):
        assert await both.verify(before, PASSWORD)
        assert both.needs_rehash(before)
    assert not both.needs_rehash(await both.hash(PASSWORD))


async def test_the_pepper_to_come_is_accepted_before_it_is_used(hasher):
    ahead, behind = hasher(NEW, OLD), hasher(OLD, NEW)
    assert await behind.verify(await ahead.hash(PASSWORD), PASSWORD)
    assert await ahead.verify(await behind.hash(PASSWORD), PASSWORD)


async def test_no_pepper_is_taken_away_again(hasher):
    stored = await hasher(OLD).hash(PASSWORD)
    assert not hasher(None, OLD).needs_rehash(stored)
    assert await hasher(None, OLD).verify(stored, PASSWORD)


@pytest.mark.parametrize(
    "damaged",
    ["pepper=", "pepper=$", "pepper=00000000", "pepper=00000000$argon2id$", "pepper=$argon2id$v=19$x"],
)
async def test_a_mark_that_is_damaged_verifies_nothing_and_is_no_defect(hasher, damaged):
    one = hasher(OLD)
    assert not await one.verify(damaged, PASSWORD)
    assert not await one.verify(damaged.replace("00000000", OLD.key_id), PASSWORD)
    assert one.needs_rehash(damaged)


def test_the_key_is_not_shown():
    assert OLD.key.hex() not in repr(OLD)
    assert repr(OLD.key) not in repr(Peppers(OLD, NEW))
    assert OLD.key_id != NEW.key_id
    assert OLD.season(b"a") != NEW.season(b"a")


# A012
async def test_users_from_before_keep_their_passwords_and_get_the_pepper_at_login(
    flows, settings, database, redis, clock
):
    users = flows.refresh.users
    user = await flows.register("ada", PASSWORD, None, None, CLIENT)
    for pepper, previous in (("first", None), ("second", "first")):
        changed = {
            "password_pepper": SecretStr(pepper * 8),
            "previous_password_pepper": previous and SecretStr(previous * 8),
        }
        peppered = await asyncio.to_thread(wire, settings.model_copy(update=changed), database, redis, clock)
        await peppered.maintain()
        with pytest.raises(WrongPassword):
            await peppered.log_in("ada", NEW_PASSWORD, CLIENT)
        await peppered.log_in("ada", PASSWORD, CLIENT)
        stored = (await users.find(user.id)).password_hash
        assert stored.startswith(f"pepper={Pepper.of((pepper * 8).encode()).key_id}$argon2id$")
        await peppered.log_in("ada", PASSWORD, CLIENT)
        assert (await users.find(user.id)).password_hash == stored
        peppered.hasher.close()
    with pytest.raises(WrongPassword):  # a service that was not told the pepper
        await flows.log_in("ada", PASSWORD, CLIENT)
