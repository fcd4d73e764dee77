"""How often a password may be tried, and that nobody can turn the limits against the owner."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.support.faults import without_redis
from tests.support.service import NEW_PASSWORD, PASSWORD
from tests.support.throttle_time import let_pass

from authsvc.errors import InvalidCredentials, Overloaded, TooManyAttempts, WeakPassword
from authsvc.flows.client import Caller, Client
from authsvc.kit.outage import Outage
from authsvc.passwords.hasher import HashingProfile, PasswordHasher
from authsvc.settings import Settings
from authsvc.throttle.known_device import KnownDevice

HOME, AWAY = "203.0.113.7", "198.51.100.1"
WRONG = "not the right password"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "attempts_per_account": 10,
            "attempts_per_account_and_address": 5,
            "attempts_per_address": 40,
            "logins_per_account": 200,
        }
    )


def at(address: str, device_token: str | None = None) -> Client:
    return Client(address, "curl/8", device_token=device_token)


def everywhere(number: int) -> Client:
    """Return one of many clients, none of which shares an address with another."""
    return at(f"2001:db8:{number // 65536:x}:{number % 65536:x}::1")


async def outcome(attempt: Awaitable[Any]) -> str:
    """Return the status that it would be answered with, or the name of the limit that was reached."""
    try:
        await attempt
    except InvalidCredentials:
        return "401"
    except TooManyAttempts as told:
        return told.rule
    return "200"


async def exhaust(flows, login: str = "ada") -> None:
    """Use up what an account allows, from many addresses."""
    for number in range(10):
        assert await outcome(flows.log_in(login, WRONG, everywhere(number))) == "401"
    assert await outcome(flows.log_in(login, WRONG, everywhere(10))) == "account"


# A021
async def test_at_the_limit_the_right_password_is_not_looked_at(flows, ada):
    await exhaust(flows)
    computed = flows.hasher.computed
    with pytest.raises(TooManyAttempts) as told:
        await flows.log_in("ada", PASSWORD, at(HOME))
    assert 0 < told.value.retry_after <= 60
    assert flows.hasher.computed == computed


async def test_one_address_alone_cannot_use_up_what_an_account_allows(flows, ada):
    seen = [await outcome(flows.log_in("ada", WRONG, at(AWAY))) for _ in range(20)]
    assert seen == ["401"] * 5 + ["account_address"] * 15
    assert await outcome(flows.log_in("ada", PASSWORD, at(HOME))) == "200"


# A021
async def test_after_the_wait_one_attempt_is_let_through_and_the_right_one_is_welcome(flows, ada, redis):
    await exhaust(flows)
    await let_pass(redis, timedelta(minutes=1))
    assert await outcome(flows.log_in("ada", WRONG, at(HOME))) == "401"
    assert await outcome(flows.log_in("ada", PASSWORD, at(HOME))) == "account"
    await let_pass(redis, timedelta(minutes=2))
    assert await outcome(flows.log_in("ada", PASSWORD, at(HOME))) == "200"


class TestAKnownDevice:
    # A026
    async def test_is_not_shut_out_by_others(self, flows, ada):
        known = (await flows.log_in("ada", PASSWORD, at(HOME))).device_token
        await exhaust(flows)
        assert await outcome(flows.log_in("ada", PASSWORD, at(AWAY, known))) == "200"
        assert await outcome(flows.log_in("ada", PASSWORD, at(HOME))) == "account"

    # A026
    async def test_is_not_shut_out_by_who_shares_its_address(self, flows, ada):
        known = (await flows.log_in("ada", PASSWORD, at(HOME))).device_token
        for number in range(40):
            assert await outcome(flows.log_in(f"victim{number}", WRONG, at(HOME))) == "401"
        assert await outcome(flows.log_in("ada", PASSWORD, at(HOME))) == "address"
        assert await outcome(flows.log_in("ada", PASSWORD, at(HOME, known))) == "200"

    async def test_has_no_more_guesses_than_an_account(self, flows, ada):
        known = (await flows.log_in("ada", PASSWORD, at(HOME))).device_token
        addresses = [everywhere(number).ip_address for number in range(7)]
        seen = [await outcome(flows.log_in("ada", WRONG, at(address, known))) for address in addresses]
        assert seen == ["401"] * 5 + ["device"] * 2
        assert await outcome(flows.log_in("ada", PASSWORD, at(HOME))) == "200"

    async def test_stays_one_device_however_often_it_logs_in(self, flows, ada):
        known = (await flows.log_in("ada", PASSWORD, at(HOME))).device_token
        for _ in range(2):
            assert await outcome(flows.log_in("ada", WRONG, at(HOME, known))) == "401"
        renewed = (await flows.log_in("ada", PASSWORD, at(HOME, known))).device_token
        seen = [await outcome(flows.log_in("ada", WRONG, at(HOME, renewed))) for _ in range(4)]
        assert seen == ["401"] * 3 + ["device"]

    async def test_is_known_by_every_name_of_its_user(self, flows):
        await flows.register("grace", PASSWORD, None, "grace@example.com", at(HOME))
        known = (await flows.log_in("grace", PASSWORD, at(HOME))).device_token
        await exhaust(flows, "grace@example.com")
        assert await outcome(flows.log_in("Grace@example.com", PASSWORD, at(HOME, known))) == "200"

    async def test_may_change_the_password_and_delete_the_user(self, flows, ada, caller):
        known = (await flows.log_in("ada", PASSWORD, at(HOME))).device_token
        await exhaust(flows)
        changed = await flows.change_password(caller, PASSWORD, NEW_PASSWORD, at(HOME, known))
        assert await outcome(flows.delete_user(caller, NEW_PASSWORD, at(HOME))) == "account"
        assert await outcome(flows.delete_user(caller, NEW_PASSWORD, at(HOME, changed))) == "200"

    async def test_is_forgotten_when_another_changes_the_password(self, flows, ada, caller):
        stolen = (await flows.log_in("ada", PASSWORD, at(AWAY))).device_token
        own = await flows.change_password(caller, PASSWORD, NEW_PASSWORD, at(HOME))
        await exhaust(flows)
        assert await outcome(flows.log_in("ada", NEW_PASSWORD, at(AWAY, stolen))) == "account"
        assert await outcome(flows.log_in("ada", NEW_PASSWORD, at(HOME, own))) == "200"

    async def test_is_forgotten_when_all_sessions_are_ended(self, flows, ada, users):
        known = (await flows.log_in("ada", PASSWORD, at(HOME))).device_token
        await users.end_all_sessions(ada.id, by=None, keep=False)
        await exhaust(flows)
        assert await outcome(flows.log_in("ada", PASSWORD, at(HOME, known))) == "account"

    # A018
    async def test_of_somebody_else_counts_as_none(self, flows, ada):
        await flows.register("mallory", PASSWORD, None, None, at(AWAY))
        own = (await flows.log_in("mallory", PASSWORD, at(AWAY))).device_token
        forged = own[:-1] + ("A" if own[-1] != "A" else "B")
        nobody = flows.log_in.devices.sign(KnownDevice(uuid4(), uuid4(), 0))
        for login in ("ada", "nobody"):
            tokens = [own, forged, nobody, "", "x" * 4000, None]
            seen = [
                await outcome(flows.log_in(login, WRONG, at(everywhere(n).ip_address, tokens[n % 6])))
                for n in range(12)
            ]
            assert seen == ["401"] * 10 + ["account"] * 2


# A008, A023
@pytest.mark.parametrize("verb", ["change", "delete"])
async def test_every_way_to_try_a_password_counts_in_one_bucket(flows, ada, caller, verb):
    async def guess(number: int) -> None:
        if verb == "change":
            await flows.change_password(caller, WRONG, NEW_PASSWORD, everywhere(number))
        else:
            await flows.delete_user(caller, WRONG, everywhere(number))

    assert [await outcome(guess(number)) for number in range(11)] == ["401"] * 10 + ["account"]
    assert await outcome(flows.log_in("ada", PASSWORD, at(HOME))) == "account"


# A023
async def test_a_login_uses_up_what_a_password_change_may_try(flows, ada, caller: Caller):
    await exhaust(flows)
    assert await outcome(flows.change_password(caller, PASSWORD, NEW_PASSWORD, at(HOME))) == "account"
    assert await outcome(flows.delete_user(caller, PASSWORD, at(HOME))) == "account"


# A008
async def test_a_right_password_that_is_changed_to_a_weak_one_is_no_guess(flows, ada, caller):
    for _ in range(12):
        with pytest.raises(WeakPassword):
            await flows.change_password(caller, PASSWORD, "short", at(HOME))
    assert await outcome(flows.log_in("ada", PASSWORD, at(HOME))) == "200"


# A027
async def test_own_logins_between_guesses_do_not_help_an_address(flows, ada):
    await flows.register("mallory", PASSWORD, None, None, at(AWAY))
    guesses = []
    for number in range(45):
        if number % 5 == 0:
            own = await outcome(flows.log_in("mallory", PASSWORD, at(AWAY)))
            assert own == ("200" if number < 40 else "address")
        guesses.append(await outcome(flows.log_in(f"victim{number}", WRONG, at(AWAY))))
    assert guesses == ["401"] * 40 + ["address"] * 5


# A027
async def test_own_logins_do_not_forgive_the_guesses_at_an_account(flows, ada):
    known = (await flows.log_in("ada", PASSWORD, at(HOME))).device_token
    for number in range(10):
        assert await outcome(flows.log_in("ada", WRONG, everywhere(number))) == "401"
        assert await outcome(flows.log_in("ada", PASSWORD, at(HOME, known))) == "200"
    assert await outcome(flows.log_in("ada", WRONG, everywhere(11))) == "account"


# A024, A029
async def test_an_ipv6_subscriber_and_a_site_count_as_a_whole(flows):
    async def guesses(addresses: list[str]) -> list[str]:
        return [await outcome(flows.log_in(f"v{n}{a}", WRONG, at(a))) for n, a in enumerate(addresses)]

    one = await guesses([f"2001:db8:1:1::{host:x}" for host in range(41)])
    assert one == ["401"] * 40 + ["address"]
    assert (await guesses(["2001:DB8:1:1::FFFF", "::ffff:198.51.100.9"])) == ["address", "401"]


class TestAllTogether:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"attempts_overall": 20, "attempts_per_address": 3})

    # A029
    async def test_guesses_from_everywhere_shut_out_devices_that_are_not_known_alone(self, flows, ada):
        known = (await flows.log_in("ada", PASSWORD, at(HOME))).device_token
        seen = [await outcome(flows.log_in(f"victim{n}", WRONG, everywhere(n * 65536))) for n in range(20)]
        assert seen == ["401"] * 20
        assert await outcome(flows.log_in("grace", WRONG, at(HOME))) == "overall"
        assert await outcome(flows.log_in("ada", PASSWORD, at(HOME, known))) == "200"


class TestASite:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"attempts_per_address": 1, "registrations_per_address": 1})

    # A024
    async def test_has_ten_times_what_a_subscriber_has(self, flows):
        seen = [await outcome(flows.log_in(f"v{n}", WRONG, at(f"2001:db8:5:{n:x}::1"))) for n in range(11)]
        assert seen == ["401"] * 10 + ["network"]
        assert await outcome(flows.log_in("v11", WRONG, at("2001:db8:6::1"))) == "401"

    async def test_may_register_ten_times_as_many(self, flows):
        async def register(number: int, address: str) -> str:
            return await outcome(flows.register(f"user{number}", PASSWORD, None, None, at(address)))

        seen = [await register(n, f"2001:db8:5:{n:x}::1") for n in range(11)]
        assert seen == ["200"] * 10 + ["registration_network"]
        assert await register(99, "2001:db8:6::1") == "200"
        assert await register(100, "2001:db8:6::2") == "registration"


class TestManyLogins:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"logins_per_account": 12})

    async def test_right_passwords_are_not_free_for_ever(self, flows, ada, redis):
        known = (await flows.log_in("ada", PASSWORD, at(HOME))).device_token
        for made in (11, 12):
            clients = [at(HOME), at(HOME, known)] * 7
            seen = [await outcome(flows.log_in("ada", PASSWORD, client)) for client in clients]
            assert seen == ["200"] * made + ["login"] * (14 - made)
            await let_pass(redis, timedelta(minutes=15))


# A028
async def test_without_redis_no_password_is_looked_at(flows, ada, redis):
    known = (await flows.log_in("ada", PASSWORD, at(HOME))).device_token
    computed = flows.hasher.computed
    with without_redis(redis):
        for client in (at(HOME), at(HOME, known)):
            with pytest.raises(Outage):
                await flows.log_in("ada", PASSWORD, client)
    assert flows.hasher.computed == computed


async def test_the_right_password_counts_nowhere_though_its_rehash_is_refused(flows, ada):
    costlier = PasswordHasher(
        HashingProfile(20480, 2), threads=1, queue_length=1, queue_timeout=30, niceness=0
    )
    costlier.close()  # as if its queue was full
    for _ in range(6):  # one more than an account allows an address
        with pytest.raises(Overloaded):
            await replace(flows.log_in, hasher=costlier)("ada", PASSWORD, at(HOME))
    assert await outcome(flows.log_in("ada", PASSWORD, at(HOME))) == "200"


# A018, A019
async def test_a_disabled_user_is_nobody_to_the_hasher(flows, ada):
    """Else the right password would be refused sooner, once hashes of two kinds were met."""
    costlier = PasswordHasher(
        HashingProfile(20480, 2), threads=1, queue_length=1, queue_timeout=30, niceness=0
    )
    await flows.hasher.verify(await costlier.hash(PASSWORD), PASSWORD)
    costlier.close()
    await flows.set_user_disabled("ada", disabled=True)
    for login, password in (("ada", PASSWORD), ("ada", WRONG), ("nobody", WRONG)):
        computed = flows.hasher.computed
        assert await outcome(flows.log_in(login, password, at(HOME))) == "401"
        assert flows.hasher.computed == computed + 2
