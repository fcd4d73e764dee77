"""What a newcomer should see first: each test is a promise, kept from end to end."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from tests.support.service import NEW_PASSWORD, PASSWORD, code_of, tokens_of
from tests.support.stores import age_session

from authsvc.settings import Settings


async def test_register_log_in_refresh_log_out_and_it_is_over(service):
    registered = await service.register(name="Ada Lovelace", email="Ada@Example.com")
    assert registered.status_code == 201
    assert registered.headers["location"] == "/user"
    login = await service.log_in()
    user = await service.user(login)
    assert user.status_code == 200
    assert user.json() == registered.json()
    assert user.json()["email"] == "Ada@example.com"
    refreshed = await service.refresh(login)
    assert refreshed.session_id == login.session_id
    assert (await service.user(refreshed)).status_code == 200
    logged_out = await service.log_out(refreshed)
    assert logged_out.status_code == 204
    for spent in (login, refreshed):
        answer = await service.user(spent)
        assert answer.status_code == 401
        assert code_of(answer) == "session_ended"
        assert code_of(await service.try_refresh(spent.refresh_token)) == "invalid_refresh_token"


async def test_logging_in_works_with_the_email_address_and_in_any_case(service):
    await service.register("Ada", email="ada@example.com")
    for login in ("ada", "ADA", "ada@example.com", "Ada@EXAMPLE.com"):
        assert (await service.try_login(login)).status_code == 200


# A018
async def test_unknown_wrong_and_disabled_are_told_alike(service, flows):
    await service.register("ada")
    await service.register("grace")
    await flows.set_user_disabled("grace", disabled=True)
    answers = [
        await service.try_login("nobody"),
        await service.try_login("ada", NEW_PASSWORD),
        await service.try_login("grace"),
        await service.try_login("\x00"),
    ]
    for answer in answers:
        assert answer.status_code == 401
        assert code_of(answer) == "invalid_credentials"
    told = [{**answer.json(), "instance": ""} for answer in answers]
    headers = [{**answer.headers, "x-request-id": ""} for answer in answers]
    assert all(each == told[0] for each in told)
    assert all(each == headers[0] for each in headers)


# A050
async def test_every_login_is_a_session_of_its_own(service):
    first = await service.sign_up()
    second = await service.log_in()
    assert first.session_id != second.session_id
    assert (await service.log_out(second)).status_code == 204
    assert await service.is_alive(first)


# A050
async def test_what_comes_along_with_a_login_changes_nothing_about_it(service):
    theirs = await service.sign_up("mallory")
    await service.register("ada")
    for planted in (
        theirs.bearer,
        {"Cookie": f"session={theirs.session_id}; sid={theirs.session_id}; token={theirs.access_token}"},
        {"X-Session-Id": str(theirs.session_id)},
    ):
        mine = tokens_of(
            await service.client.post(
                f"/login?session_id={theirs.session_id}",
                json={"username": "ada", "password": PASSWORD},
                headers=planted,
            )
        )
        assert mine.session_id != theirs.session_id
        assert (await service.user(mine)).json()["username"] == "ada"
    assert (await service.user(theirs)).json()["username"] == "mallory"


# A007
async def test_a_password_does_not_grow_old(service, clock):
    await service.register()
    clock.advance(timedelta(days=3650))
    assert (await service.try_login()).status_code == 200


# A059
async def test_a_hundred_parallel_refreshes_are_answered_with_one_successor(service):
    login = await service.sign_up()
    answers = await asyncio.gather(*(service.try_refresh(login.refresh_token) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


# A060
async def test_a_stolen_token_that_is_used_later_ends_the_session(service, redis, flows):
    login = await service.sign_up()
    owner = await service.refresh(login)
    user = (await service.user(owner)).json()
    await age_session(redis, UUID(user["id"]), login.session_id, timedelta(seconds=10))
    thief = await service.try_refresh(login.refresh_token)
    assert code_of(thief) == "invalid_refresh_token"
    assert not await service.is_alive(owner)
    standing = await flows.refresh.users.find_standing(UUID(user["id"]), login.session_id)
    assert standing.ended


# A063
async def test_a_forged_refresh_token_ends_nothing(service):
    login = await service.sign_up()
    forged = login.refresh_token[:-4] + ("AAAA" if not login.refresh_token.endswith("AAAA") else "BBBB")
    for token in (forged, "rt1_", "", "garbage", login.access_token):
        answer = await service.try_refresh(token)
        assert answer.status_code == 401
    assert await service.is_alive(login)


# A064
async def test_a_refresh_token_is_no_access_token(service):
    login = await service.sign_up()
    answer = await service.client.get("/user", headers={"Authorization": f"Bearer {login.refresh_token}"})
    assert code_of(answer) == "invalid_token"


# A052
async def test_logging_out_twice_is_fine(service):
    login = await service.sign_up()
    assert (await service.log_out(login)).status_code == 204
    assert (await service.log_out(login)).status_code == 204


async def test_logging_out_needs_only_the_refresh_token(service):
    login = await service.sign_up()
    answer = await service.client.post("/logout", json={"refresh_token": login.refresh_token})
    assert answer.status_code == 204
    assert not await service.is_alive(login)


async def test_an_expired_access_token_still_ends_its_own_session_but_no_others(service, clock):
    login = await service.sign_up()
    clock.advance(timedelta(minutes=6))
    for scope in ("others", "all"):
        refused = await service.log_out(login, scope)
        assert code_of(refused) == "not_authenticated"
        assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert (await service.log_out(login)).status_code == 204
    assert code_of(await service.try_refresh(login.refresh_token)) == "invalid_refresh_token"


async def test_with_an_expired_access_token_the_refresh_token_ends_everything(service, clock):
    login = await service.sign_up()
    other = await service.log_in()
    clock.advance(timedelta(hours=2))
    assert code_of(await service.log_out(login)) == "not_authenticated"
    body = {"refresh_token": login.refresh_token, "scope": "all"}
    assert (await service.client.post("/logout", json=body, headers=login.bearer)).status_code == 204
    assert code_of(await service.try_refresh(other.refresh_token)) == "invalid_refresh_token"


async def test_logging_out_without_anything_genuine_is_refused(service):
    assert code_of(await service.client.post("/logout")) == "not_authenticated"
    answer = await service.client.post("/logout", json={"refresh_token": "rt1_forged"})
    assert code_of(answer) == "not_authenticated"
    for header in ("Bearer garbage", "Bearer"):
        answer = await service.client.post("/logout", headers={"Authorization": header})
        assert code_of(answer) == "not_authenticated"


async def test_a_header_without_a_token_does_not_hide_a_genuine_refresh_token(service):
    login = await service.sign_up()
    answer = await service.client.post(
        "/logout", json={"refresh_token": login.refresh_token}, headers={"Authorization": "Bearer"}
    )
    assert answer.status_code == 204
    assert not await service.is_alive(login)


async def test_logging_out_the_others_keeps_this_session(service):
    mine = await service.sign_up()
    others = [await service.log_in() for _ in range(3)]
    assert (await service.log_out(mine, "others")).status_code == 204
    for other in others:
        assert not await service.is_alive(other)
    mine = await service.refresh(mine)
    again = await service.log_in()
    assert (await service.log_out(mine, "others")).status_code == 204
    assert not await service.is_alive(again)
    assert await service.is_alive(mine)


# A053
async def test_logging_out_everywhere_ends_all_and_a_retry_is_fine(service):
    mine = await service.sign_up()
    other = await service.log_in()
    assert (await service.log_out(mine, "all")).status_code == 204
    assert not await service.is_alive(mine)
    assert not await service.is_alive(other)
    later = await service.log_in()
    assert (await service.log_out(mine, "all")).status_code == 204
    assert await service.is_alive(later)


async def test_a_session_that_is_over_cannot_end_others(service):
    mine = await service.sign_up()
    other = await service.log_in()
    await service.log_out(mine)
    assert code_of(await service.log_out(mine, "others")) == "session_ended"
    assert code_of(await service.log_out(mine, "all")) == "session_ended"
    assert await service.is_alive(other)


# A055
async def test_a_password_change_ends_the_other_sessions_and_the_old_password(service):
    mine = await service.sign_up()
    other = await service.log_in()
    answer = await service.client.post(
        "/user/password",
        json={"current_password": PASSWORD, "new_password": NEW_PASSWORD},
        headers=mine.bearer,
    )
    assert answer.status_code == 204
    assert not await service.is_alive(other)
    assert await service.is_alive(mine)
    assert code_of(await service.try_login()) == "invalid_credentials"
    assert (await service.try_login(password=NEW_PASSWORD)).status_code == 200


# A008
async def test_a_password_change_needs_the_current_password(service):
    mine = await service.sign_up()
    answer = await service.client.post(
        "/user/password",
        json={"current_password": NEW_PASSWORD, "new_password": NEW_PASSWORD},
        headers=mine.bearer,
    )
    assert code_of(answer) == "invalid_credentials"
    assert (await service.try_login()).status_code == 200


async def test_a_user_can_change_name_and_email_and_sees_it_at_once(service):
    mine = await service.sign_up()
    await service.user(mine)
    changed = await service.client.patch(
        "/user", json={"name": "Ada King", "email": "king@example.com"}, headers=mine.bearer
    )
    assert changed.status_code == 200
    assert (await service.user(mine)).json() == changed.json()
    assert changed.json()["name"] == "Ada King"
    removed = await service.client.patch("/user", json={"name": None}, headers=mine.bearer)
    assert (removed.json()["name"], removed.json()["email"]) == (None, "king@example.com")


# A048
async def test_a_deleted_user_is_gone_and_who_comes_after_is_somebody_else(service):
    mine = await service.sign_up()
    before = (await service.user(mine)).json()["id"]
    wrong = await service.client.request(
        "DELETE", "/user", json={"password": NEW_PASSWORD}, headers=mine.bearer
    )
    assert code_of(wrong) == "invalid_credentials"
    gone = await service.client.request("DELETE", "/user", json={"password": PASSWORD}, headers=mine.bearer)
    assert gone.status_code == 204
    assert not await service.is_alive(mine)
    assert code_of(await service.try_login()) == "invalid_credentials"
    again = await service.sign_up()
    assert (await service.user(again)).json()["id"] != before
    assert not await service.is_alive(mine)


# A054
async def test_disabling_a_user_ends_the_sessions_and_keeps_the_user_out(service, flows):
    mine = await service.sign_up()
    await flows.set_user_disabled("ada", disabled=True)
    assert not await service.is_alive(mine)
    assert code_of(await service.try_login()) == "invalid_credentials"
    await flows.set_user_disabled("ada", disabled=False)
    assert not await service.is_alive(mine)
    assert (await service.try_login()).status_code == 200


# A058
async def test_one_sees_and_ends_only_ones_own_sessions(service):
    mine = await service.sign_up("ada")
    phone = await service.log_in("ada")
    theirs = await service.sign_up("grace")
    listed = (await service.client.get("/sessions", headers=mine.bearer)).json()["sessions"]
    assert [(each["id"], each["current"]) for each in listed] == [
        (str(mine.session_id), True),
        (str(phone.session_id), False),
    ]
    foreign = await service.client.delete(f"/sessions/{theirs.session_id}", headers=mine.bearer)
    assert code_of(foreign) == "session_not_found"
    assert code_of(await service.client.delete("/sessions/x", headers=mine.bearer)) == "session_not_found"
    assert await service.is_alive(theirs)
    ended = await service.client.delete(f"/sessions/{phone.session_id}", headers=mine.bearer)
    assert ended.status_code == 204
    assert not await service.is_alive(phone)
    gone = await service.client.delete(f"/sessions/{phone.session_id}", headers=mine.bearer)
    assert code_of(gone) == "session_not_found"


# A043
async def test_fifty_at_once_register_one_user(service):
    names = ["ada", "Ada", "ADA", "ａｄａ", "aDa"] * 10
    answers = await asyncio.gather(*(service.register(name) for name in names))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    assert {code_of(answer) for answer in answers if answer.status_code == 409} == {"username_taken"}


# A021, A022
class TestLimits:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"attempts_per_account": 10})

    async def test_no_more_passwords_are_tried_than_the_limit_allows(self, service):
        await service.register()
        answers = await asyncio.gather(*(service.try_login(password=NEW_PASSWORD) for _ in range(60)))
        assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 50
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert code_of(refused) == "too_many_attempts"
        assert 0 < int(refused.headers["retry-after"]) <= 900
        assert (await service.try_login()).status_code == 429

    # A023
    async def test_changing_the_password_counts_for_the_same_limit(self, service):
        mine = await service.sign_up()
        for _ in range(10):
            answer = await service.client.post(
                "/user/password",
                json={"current_password": NEW_PASSWORD, "new_password": NEW_PASSWORD},
                headers=mine.bearer,
            )
            assert answer.status_code == 401
        assert (await service.try_login()).status_code == 429

    # A018
    async def test_the_limit_does_not_tell_who_exists(self, service):
        await service.register("alice", email="alice@example.com")
        for known, unknown in (("alice", "nobody"), ("alice@example.com", "nobody@example.com")):
            for name in (known, unknown):
                seen = [(await service.try_login(name, NEW_PASSWORD)).status_code for _ in range(10)]
                seen += [(await service.try_login(name.upper(), NEW_PASSWORD)).status_code]
                assert seen == [401] * 10 + [429]

    async def test_right_passwords_do_not_count(self, service):
        await service.register()
        for _ in range(12):
            assert (await service.try_login()).status_code == 200


async def test_a_lost_answer_can_be_asked_for_again(service):
    login = await service.sign_up()
    first = tokens_of(await service.try_refresh(login.refresh_token))
    again = tokens_of(await service.try_refresh(login.refresh_token))
    assert again.refresh_token == first.refresh_token
    assert await service.is_alive(again)
