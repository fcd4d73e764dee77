"""What the buckets promise, on a stand-in and on the real server alike."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr
from tests.support.throttle_time import let_pass

from authsvc.errors import TooManyAttempts
from authsvc.keyspace import Keyspace
from authsvc.kit.redis import RedisClient
from authsvc.settings import Settings
from authsvc.throttle.rules import Attempt, Rule
from authsvc.throttle.store import ThrottleStore
from authsvc.wiring import rules_of

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ACCOUNT = Rule("account", 10, 12 * HOUR, first_wait=MINUTE)
ADDRESS = Rule.within("address", 15, 15 * MINUTE)
KEYS = Keyspace()


@pytest.fixture
def store(redis: RedisClient) -> ThrottleStore:
    return ThrottleStore(redis, KEYS)


def attempts(account: str = "ada", address: str = "203.0.113.7") -> list[Attempt]:
    return [Attempt(ACCOUNT, account), Attempt(ADDRESS, address)]


def key_of(attempt: Attempt) -> str:
    return KEYS.bucket(attempt.rule.name, attempt.subject_digest)


async def fill(store: ThrottleStore, tried: list[Attempt]) -> int:
    """Try until it is refused; return how often it was let through."""
    for number in range(1000):
        try:
            await store.reserve(tried)
        except TooManyAttempts:
            return number
    raise AssertionError("there is no limit")


async def refusal(store: ThrottleStore, tried: list[Attempt]) -> TooManyAttempts:
    with pytest.raises(TooManyAttempts) as refused:
        await store.reserve(tried)
    return refused.value


# A022
async def test_of_two_hundred_at_once_ten_get_through(store):
    tried = [Attempt(ACCOUNT, "ada")]
    outcomes = await asyncio.gather(*(store.reserve(tried) for _ in range(200)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, TooManyAttempts)]
    assert outcomes.count(None) == 10
    assert len(refused) == 190


async def test_a_refused_attempt_counts_nowhere(store):
    account, address = attempts()
    assert await fill(store, [account]) == 10
    for order in ([account, address], [address, account]):
        for _ in range(20):
            await refusal(store, order)
    assert await fill(store, [address]) == 15


# A029
async def test_the_address_trips_over_many_accounts(store):
    for number in range(15):
        await store.reserve(attempts(f"victim {number}"))
    assert (await refusal(store, attempts("victim 15"))).rule == "address"
    await store.reserve(attempts("victim 15", "203.0.113.8"))


# A021
async def test_the_wait_doubles_with_each_attempt(store, redis):
    tried = [Attempt(ACCOUNT, "ada")]
    await fill(store, tried)
    for due in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        told = await refusal(store, tried)
        assert (told.rule, due * 60 - 1 <= told.retry_after <= due * 60) == ("account", True)
        await let_pass(redis, due * MINUTE - timedelta(seconds=2))
        await refusal(store, tried)
        await let_pass(redis, timedelta(seconds=2))
        await store.reserve(tried)


async def test_no_wait_is_longer_than_the_time_after_which_one_is_forgiven(store, redis):
    tried = [Attempt(Rule("account", 1, HOUR, first_wait=45 * MINUTE), "ada")]
    await fill(store, tried)
    for longest in (45, 60, 60, 60):
        wait = (await refusal(store, tried)).retry_after
        assert wait <= longest * 60
        await let_pass(redis, timedelta(seconds=wait))
        await store.reserve(tried)


# A021
async def test_a_month_of_trying_as_soon_as_it_is_allowed_is_fewer_than_a_hundred_attempts(store, redis):
    """By default. NIST SP 800-63B-4, section 3.2.2, allows a hundred in a row."""
    defaults = Settings(
        secret_key=SecretStr("kf3Vd0mQhW8uYx2ZpL7rTn5cBj9sGa4eHo6i"),
        database_url=SecretStr("sqlite+aiosqlite:///nowhere.db"),
        redis_url=SecretStr("redis://nobody.invalid"),
    )
    rule = rules_of(defaults).account
    tried, passed, tries = [Attempt(rule, "ada")], timedelta(), 0
    while passed < timedelta(days=30):
        try:
            await store.reserve(tried)
            tries += 1
        except TooManyAttempts as told:
            wait = timedelta(seconds=told.retry_after)
            assert wait <= 12 * HOUR
            passed += wait
            await let_pass(redis, wait)
    assert 60 <= tries < 100


async def test_what_is_quiet_is_forgiven_one_by_one(store, redis):
    tried = [Attempt(ACCOUNT, "ada")]
    await fill(store, tried)
    await let_pass(redis, 36 * HOUR)
    assert await fill(store, tried) == 3
    await let_pass(redis, 10 * 12 * HOUR)
    assert await fill(store, tried) == 10


async def test_a_limit_of_a_window_is_forgiven_evenly(store, redis):
    tried = [Attempt(ADDRESS, "203.0.113.7")]
    await fill(store, tried)
    assert 0 < (await refusal(store, tried)).retry_after <= 60
    await let_pass(redis, 3 * MINUTE)
    assert await fill(store, tried) == 3
    await let_pass(redis, 15 * MINUTE)
    assert await fill(store, tried) == 15


async def test_the_longest_wait_is_told(store, redis):
    account, address = attempts()
    await fill(store, [address])
    await fill(store, [account])
    await let_pass(redis, timedelta(seconds=30))
    told = await refusal(store, [account, address])
    assert (told.rule, 28 <= told.retry_after <= 30) == ("account", True)
    await let_pass(redis, timedelta(seconds=29))
    assert (await refusal(store, [address, account])).retry_after <= 2


async def test_a_bucket_is_there_until_it_is_empty(store, redis):
    await store.reserve(attempts())
    account, address = [await redis.execute("PTTL", key_of(attempt)) for attempt in attempts()]
    assert 0 < address <= MINUTE // timedelta(milliseconds=1)
    assert 0 < account - 11 * 3_600_000 <= 3_600_000
    await let_pass(redis, 12 * HOUR)
    assert await redis.execute("EXISTS", *map(key_of, attempts())) == 0


async def test_what_is_taken_back_makes_room(store):
    tried = [Attempt(ACCOUNT, "ada")]
    for _ in range(50):
        await store.reserve(tried)
        await store.refund(tried)
    assert await fill(store, tried) == 10


async def test_taking_back_the_attempt_that_filled_it_opens_it_again(store):
    tried = [Attempt(ACCOUNT, "ada")]
    for _ in range(10):
        await store.reserve(tried)
    await store.refund(tried)
    assert await fill(store, tried) == 1


async def test_taking_back_amid_the_waits_leaves_the_next_wait_as_it_was(store, redis):
    tried = [Attempt(ACCOUNT, "ada")]
    await fill(store, tried)
    await let_pass(redis, MINUTE)
    for _ in range(3):
        await store.reserve(tried)
        assert 119 <= (await refusal(store, tried)).retry_after <= 120
        await store.refund(tried)
    assert await fill(store, tried) == 1


async def test_taking_back_never_makes_more_room_than_there_was(store, redis):
    tried = [Attempt(ACCOUNT, "ada")]
    await store.refund(tried)
    assert await redis.execute("EXISTS", key_of(tried[0])) == 0
    await store.reserve(tried)
    for _ in range(5):
        await store.refund(tried)
    assert await redis.execute("EXISTS", key_of(tried[0])) == 0
    assert await fill(store, tried) == 10


async def test_a_limit_that_was_lowered_counts_what_there_is(store, redis):
    for _ in range(8):
        await store.reserve([Attempt(ACCOUNT, "ada")])
    lowered = [Attempt(Rule("account", 3, 12 * HOUR, first_wait=MINUTE), "ada")]
    assert await fill(store, lowered) == 1
    assert (await refusal(store, lowered)).retry_after > 60


async def test_subjects_and_rules_do_not_mix(store, redis):
    await fill(store, [Attempt(ACCOUNT, "same")])
    assert await fill(store, [Attempt(ADDRESS, "same")]) == 15
    assert await fill(store, [Attempt(ACCOUNT, "other")]) == 10


async def test_nobody_is_named_in_redis(store, redis):
    await store.reserve(attempts("ada@example.com", "203.0.113.7"))
    names = b" ".join(await redis.execute("KEYS", "*")).decode()
    assert "ada" not in names
    assert "203" not in names.replace(Attempt(ACCOUNT, "ada@example.com").subject_digest, "").replace(
        Attempt(ADDRESS, "203.0.113.7").subject_digest, ""
    )
