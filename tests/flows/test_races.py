"""What happens between the proof of a password and what follows from it, in every order that matters."""

import asyncio

import pytest
from tests.flows.interrupting import interrupted, once
from tests.support.service import NEW_PASSWORD, PASSWORD

from authsvc.errors import Overloaded, SessionEnded, UnknownUser, UserDisabled, WrongPassword
from authsvc.flows.client import Client
from authsvc.flows.log_out import Scope
from authsvc.settings import Settings
from authsvc.wiring import wire

CLIENT = Client("203.0.113.7", "curl/8")


async def live_sessions(flows, user) -> int:
    return len(await flows.refresh.sessions.list(user.id))


class TestALoginIsOvertaken:
    async def test_by_a_password_change(self, flows, ada, caller):
        change = once(flows.change_password, caller, PASSWORD, NEW_PASSWORD, CLIENT)
        with pytest.raises(WrongPassword):
            await interrupted(flows.log_in, change)("ada", PASSWORD, CLIENT)
        assert await live_sessions(flows, ada) == 1  # the one that changed the password

    async def test_by_the_end_of_all_sessions(self, flows, ada, login):
        end_all = once(flows.log_out, login.access_token, None, Scope.ALL)
        later = await interrupted(flows.log_in, end_all)("ada", PASSWORD, CLIENT)
        assert await live_sessions(flows, ada) == 1
        # The password was proven once more, so this login is younger than the end of all.
        assert (await flows.refresh(later.refresh_token)).session_id == later.session_id
        with pytest.raises(SessionEnded):
            await flows.authenticate(login.access_token)

    async def test_by_disabling(self, flows, ada):
        disable = once(flows.set_user_disabled, "ada", disabled=True)
        with pytest.raises(UserDisabled):
            await interrupted(flows.log_in, disable)("ada", PASSWORD, CLIENT)
        assert await live_sessions(flows, ada) == 0

    async def test_by_deletion(self, flows, ada, caller):
        delete = once(flows.delete_user, caller, PASSWORD, CLIENT)
        with pytest.raises(UnknownUser):
            await interrupted(flows.log_in, delete)("ada", PASSWORD, CLIENT)
        assert await live_sessions(flows, ada) == 0

    async def test_again_and_again(self, flows, ada, users, sessions):
        async def end_all() -> None:
            epoch = await users.end_all_sessions(ada.id, by=None, keep=False)
            await sessions.end_all(ada.id, epoch=epoch)

        with pytest.raises(Overloaded):
            await interrupted(flows.log_in, end_all)("ada", PASSWORD, CLIENT)
        assert await live_sessions(flows, ada) == 0


class TestAPasswordChangeIsOvertaken:
    async def test_by_another(self, flows, ada, caller):
        other = once(flows.change_password, caller, PASSWORD, NEW_PASSWORD, CLIENT)
        with pytest.raises(WrongPassword):
            await interrupted(flows.change_password, other)(caller, PASSWORD, NEW_PASSWORD + "!", CLIENT)
        await flows.log_in("ada", NEW_PASSWORD, CLIENT)

    async def test_by_a_stronger_hash_of_the_same_password(self, flows, ada, caller, users):
        stronger = await flows.hasher.hash(PASSWORD)
        rehash = once(users.replace_password_hash, ada.id, ada.password_hash, stronger)
        await interrupted(flows.change_password, rehash)(caller, PASSWORD, NEW_PASSWORD, CLIENT)
        await flows.log_in("ada", NEW_PASSWORD, CLIENT)

    async def test_by_one_hash_after_the_other(self, flows, ada, caller, users):
        async def rehash() -> None:
            current = (await users.find(ada.id)).password_hash
            await users.replace_password_hash(ada.id, current, await flows.hasher.hash(PASSWORD))

        with pytest.raises(Overloaded):
            await interrupted(flows.change_password, rehash)(caller, PASSWORD, NEW_PASSWORD, CLIENT)
        with pytest.raises(Overloaded):
            await interrupted(flows.delete_user, rehash)(caller, PASSWORD, CLIENT)
        await flows.log_in("ada", PASSWORD, CLIENT)

    async def test_by_deletion(self, flows, ada, caller):
        delete = once(flows.delete_user, caller, PASSWORD, CLIENT)
        with pytest.raises(SessionEnded):
            await interrupted(flows.change_password, delete)(caller, PASSWORD, NEW_PASSWORD, CLIENT)


class TestADeletionIsOvertaken:
    async def test_by_a_password_change(self, flows, ada, caller, users):
        change = once(flows.change_password, caller, PASSWORD, NEW_PASSWORD, CLIENT)
        with pytest.raises(WrongPassword):
            await interrupted(flows.delete_user, change)(caller, PASSWORD, CLIENT)
        assert await users.find(ada.id) is not None

    async def test_by_a_deletion(self, flows, ada, caller):
        delete = once(flows.delete_user, caller, PASSWORD, CLIENT)
        with pytest.raises(SessionEnded):
            await interrupted(flows.delete_user, delete)(caller, PASSWORD, CLIENT)


# A011
async def test_twenty_logins_at_once_after_the_cost_rose_leave_one_stronger_hash(
    flows, ada, users, settings, database, redis, clock
):
    costlier = settings.model_copy(update={"argon2_time_cost": 3})
    updated = await asyncio.to_thread(wire, costlier, database, redis, clock)
    await updated.maintain()
    pairs = await asyncio.gather(*(updated.log_in("ada", PASSWORD, CLIENT) for _ in range(20)))
    assert len({pair.session_id for pair in pairs}) == 20
    stored = (await users.find(ada.id)).password_hash
    assert stored.startswith("$argon2id$v=19$m=19456,t=3,p=1$")
    assert await updated.hasher.verify(stored, PASSWORD)
    computed = updated.hasher.computed
    await updated.log_in("ada", PASSWORD, CLIENT)
    assert updated.hasher.computed == computed + 1  # nothing is left to make stronger
    assert (await users.find(ada.id)).password_hash == stored
    for pair in pairs:
        assert (await updated.authenticate(pair.access_token)).session_id == pair.session_id
    updated.hasher.close()


# A051
async def test_refreshes_that_meet_a_log_out_never_outlive_it(flows, ada, users):
    for _ in range(5):
        login = await flows.log_in("ada", PASSWORD, CLIENT)
        outcomes = await asyncio.gather(
            *(flows.refresh(login.refresh_token) for _ in range(5)),
            flows.log_out(login.access_token, None, Scope.CURRENT),
            *(flows.refresh(login.refresh_token) for _ in range(5)),
            return_exceptions=True,
        )
        assert outcomes[5] is None
        successors = {each.refresh_token for each in outcomes if hasattr(each, "refresh_token")}
        assert len(successors) <= 1
        assert await live_sessions(flows, ada) == 0


# A014
class TestOverload:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(
            update={"hashing_threads": 1, "hashing_queue_length": 1, "attempts_per_account": 30}
        )

    async def test_what_was_not_tried_does_not_count(self, flows, ada):
        tries = [flows.log_in("ada", NEW_PASSWORD, CLIENT) for _ in range(30)]
        computed = flows.hasher.computed
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        wrong = sum(isinstance(outcome, WrongPassword) for outcome in outcomes)
        assert wrong + sum(isinstance(outcome, Overloaded) for outcome in outcomes) == 30
        assert wrong < 30
        assert flows.hasher.computed == computed + wrong
        for _ in range(30 - wrong):  # exactly that many attempts are left
            with pytest.raises(WrongPassword):
                await flows.log_in("ada", NEW_PASSWORD, CLIENT)
