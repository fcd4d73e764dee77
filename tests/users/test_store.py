import asyncio
import unicodedata
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select
from tests.users.people import HASH, person

from authsvc.errors import EmailTaken, Taken, UsernameTaken
from authsvc.kit.database import Database
from authsvc.kit.outage import Outage
from authsvc.users.identity import Email
from authsvc.users.store import UserStore
from authsvc.users.tables import users
from authsvc.users.user import ProfileChanges, User

NOBODY = uuid4()


async def test_a_new_user_is_found_under_every_name(store, clock):
    user = await store.add(person("Ada", "Ada@Example.org", "Ada Lovelace"))
    assert (user.username, user.name, user.email) == ("Ada", "Ada Lovelace", "Ada@example.org")
    assert (user.email_verified, user.session_epoch, user.version, user.is_active) == (False, 0, 1, True)
    assert user.created_at == user.updated_at == clock.now
    assert await store.find(user.id) == user
    for login in ("Ada", "ADA", "ａｄａ", "ada@example.org", "ADA@EXAMPLE.ORG"):
        assert await store.find_by_login(login) == user


async def test_a_user_may_lack_name_and_address(store):
    first = await store.add(person("ada", None))
    second = await store.add(person("bob", None))
    assert first.email is second.email is first.name is None


async def test_unknown_names_find_nobody(store):
    await store.add(person())
    assert await store.find(NOBODY) is None
    assert await store.find_by_login("eve") is None
    assert await store.find_by_login("eve@example.org") is None


@pytest.mark.parametrize(
    "login", ["", "@", "ad", "ada\x00", "\ud800ada", "ada@\x00.org", "\ud800@b.org", "a" * 10**6]
)
async def test_a_login_that_is_no_name_finds_nobody_without_asking_the_database(clock, login):
    out_of_reach = Database("postgresql+asyncpg://nobody:nothing@127.0.0.1:1/none?ssl=disable")
    assert await UserStore(out_of_reach, clock).find_by_login(login) is None
    with pytest.raises(Outage):
        await UserStore(out_of_reach, clock).find_by_login("ada")
    await out_of_reach.close()


async def number_of_users(database) -> int:
    async with database.read() as connection:
        return len((await connection.execute(select(users.c.id))).all())


async def test_a_taken_username_and_a_taken_address_are_told_apart(store, database):
    await store.add(person("ada", "ada@example.org"))
    with pytest.raises(UsernameTaken) as refusal:
        await store.add(person("ADA", "other@example.org"))
    assert refusal.value.__suppress_context__  # what lies below quotes the row
    with pytest.raises(EmailTaken):
        await store.add(person("bob", "ADA@example.org"))
    assert await number_of_users(database) == 1


async def test_names_that_look_like_columns_do_not_confuse_the_two(store):
    await store.add(person("email_key", "username_key@example.org"))
    with pytest.raises(UsernameTaken):
        await store.add(person("email_key", None))
    with pytest.raises(EmailTaken):
        await store.add(person("bob", "username_key@example.org"))


async def register(store: UserStore, username: str, email: str | None) -> User | type[Taken]:
    try:
        return await store.add(person(username, email))
    except (UsernameTaken, EmailTaken) as refusal:
        return type(refusal)


async def test_fifty_spellings_of_one_username_make_one_row(store, database):  # A043
    spellings = ["Zoë.Groß", "ZOË.GROSS", "zoë.gross", "ｚｏë.groß", "zOË.GROẞ"]
    spellings += [unicodedata.normalize("NFD", spelling) for spelling in spellings]
    answers = await asyncio.gather(*(register(store, spelling, None) for spelling in spellings * 5))
    assert answers.count(UsernameTaken) == 49
    assert await number_of_users(database) == 1


async def test_fifty_spellings_of_one_address_make_one_row(store, database):  # A043
    domains = [
        "bücher.example.org",
        "bu\u0308cher.EXAMPLE.org",
        "xn--bcher-kva.example.org",
        "XN--BCHER-KVA.Example.ORG",
    ]
    spellings = [f"{local}@{domain}" for local in ("ada", "ADA", "Ada", "aDa", "adA") for domain in domains]
    spellings = (spellings * 3)[:50]
    answers = await asyncio.gather(*(register(store, f"user{n}", each) for n, each in enumerate(spellings)))
    assert answers.count(EmailTaken) == 49
    assert await number_of_users(database) == 1


async def test_a_deleted_users_id_is_not_given_out_again(store):  # A048
    first = await store.add(person())
    assert await store.delete(first.id, HASH)
    second = await store.add(person())
    assert second.id != first.id
    assert second.id.version == 4
    assert await store.find(first.id) is None


async def test_a_user_is_deleted_only_with_the_current_hash(store):
    user = await store.add(person())
    assert not await store.delete(user.id, "another hash")
    assert await store.find(user.id) == user
    assert await store.delete(user.id, HASH)
    assert not await store.delete(user.id, HASH)


async def test_a_profile_change_touches_what_it_names(store, clock):
    user = await store.add(person("ada", "ada@example.org", "Ada"))
    clock.advance(timedelta(seconds=1))
    changed = await store.update_profile(user.id, ProfileChanges(name="Countess"))
    assert (changed.name, changed.email, changed.version) == ("Countess", "ada@example.org", 2)
    assert (changed.created_at, changed.updated_at) == (user.created_at, clock.now)
    changed = await store.update_profile(user.id, ProfileChanges(email=None))
    assert (changed.name, changed.email) == ("Countess", None)
    assert await store.find_by_login("ada@example.org") is None
    changed = await store.update_profile(
        user.id, ProfileChanges(name=None, email=Email.parse("al@example.org"))
    )
    assert (changed.name, changed.email, changed.version) == (None, "al@example.org", 4)
    assert await store.find(user.id) == changed


async def test_no_change_changes_nothing(store):
    user = await store.add(person())
    assert await store.update_profile(user.id, ProfileChanges()) == user


async def test_a_change_for_nobody_is_none(store):
    assert await store.update_profile(NOBODY, ProfileChanges(name="x")) is None
    assert await store.update_profile(NOBODY, ProfileChanges()) is None


async def test_another_address_is_not_verified_but_the_same_one_stays_so(store, verify_email):
    user = await store.add(person())
    await verify_email(user.id)
    same = await store.update_profile(user.id, ProfileChanges(email=Email.parse("ada@example.org")))
    assert same.email_verified
    other = await store.update_profile(user.id, ProfileChanges(email=Email.parse("ada@example.com")))
    assert not other.email_verified
    await verify_email(user.id)
    assert not (await store.update_profile(user.id, ProfileChanges(email=None))).email_verified


async def test_a_taken_address_changes_nothing(store):
    await store.add(person("ada", "ada@example.org"))
    bob = await store.add(person("bob", None))
    with pytest.raises(EmailTaken):
        await store.update_profile(bob.id, ProfileChanges(name="Bob", email=Email.parse("ADA@example.org")))
    assert await store.find(bob.id) == bob


async def test_a_hash_is_replaced_only_if_it_is_still_the_current_one(store):
    user = await store.add(person())
    results = await asyncio.gather(
        *(store.replace_password_hash(user.id, HASH, f"new {n}") for n in range(10))
    )
    assert results.count(True) == 1
    found = await store.find(user.id)
    assert found.password_hash == f"new {results.index(True)}"
    assert (found.session_epoch, found.version, found.updated_at) == (0, 1, user.updated_at)


async def test_of_ten_password_changes_one_wins(store):
    user = await store.add(person())
    change = store.change_password
    epochs = await asyncio.gather(*(change(user.id, HASH, f"new {n}", keep_session=None) for n in range(10)))
    assert sorted(epochs, key=str) == [1] + [None] * 9
    found = await store.find(user.id)
    assert found.password_hash == f"new {epochs.index(1)}"
    assert (found.session_epoch, found.version) == (1, 1)
