"""What the counters promise, on a stand-in and on the real server alike."""

import asyncio
from datetime import timedelta

import pytest

from authsvc.errors import TooManyAttempts
from authsvc.keyspace import Keyspace
from authsvc.kit.redis import RedisClient
from authsvc.throttle.rules import Attempt, Rule
from authsvc.throttle.store import ThrottleStore

ACCOUNT = Rule("account", 10, timedelta(minutes=15))
ADDRESS = Rule("address", 15, timedelta(minutes=30))
KEYS = Keyspace()


@pytest.fixture
def store(redis: RedisClient) -> ThrottleStore:
    return ThrottleStore(redis, KEYS)


def attempts(account: str = "ada", address: str = "203.0.113.7") -> list[Attempt]:
    return [Attempt(ACCOUNT, account), Attempt(ADDRESS, address)]


def key_of(attempt: Attempt) -> str:
    return KEYS.attempts(attempt.rule.name, attempt.subject_digest)


async def counted(redis: RedisClient, attempt: Attempt) -> int:
    return int(await redis.execute("GET", key_of(attempt)) or 0)


# A022
async def test_of_two_hundred_at_once_ten_get_through(store, redis):
    tried = [Attempt(ACCOUNT, "ada")]
    outcomes = await asyncio.gather(*(store.reserve(tried) for _ in range(200)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, TooManyAttempts)]
    assert outcomes.count(None) == 10
    assert len(refused) == 190
    assert await counted(redis, tried[0]) == 10


async def test_a_refused_attempt_counts_nowhere(store, redis):
    for _ in range(10):
        await store.reserve(attempts())
    account, address = attempts()
    for _ in range(3):
        with pytest.raises(TooManyAttempts):
            await store.reserve([account, address])
        with pytest.raises(TooManyAttempts):
            await store.reserve([address, account])
    assert (await counted(redis, account), await counted(redis, address)) == (10, 10)


# A029
async def test_the_address_trips_over_many_accounts(store):
    for number in range(15):
        await store.reserve(attempts(f"victim {number}"))
    with pytest.raises(TooManyAttempts):
        await store.reserve(attempts("victim 15"))
    await store.reserve(attempts("victim 15", "203.0.113.8"))


async def test_it_is_told_when_there_is_room_again(store, redis):
    tried = [Attempt(ACCOUNT, "ada")]
    for _ in range(10):
        await store.reserve(tried)
    await redis.execute("PEXPIRE", key_of(tried[0]), 61_001)
    with pytest.raises(TooManyAttempts) as refused:
        await store.reserve(tried)
    assert refused.value.retry_after in {61, 62}
    await redis.execute("PEXPIRE", key_of(tried[0]), 1)
    async with asyncio.timeout(5):
        while await counted(redis, tried[0]):
            pass
    await store.reserve(tried)


async def test_the_window_begins_with_the_first_attempt_and_is_not_prolonged(store, redis):
    tried = [Attempt(ACCOUNT, "ada")]
    await store.reserve(tried)
    await redis.execute("PEXPIRE", key_of(tried[0]), 5000)
    await store.reserve(tried)
    assert 0 < await redis.execute("PTTL", key_of(tried[0])) <= 5000
    await store.refund(tried)
    assert 0 < await redis.execute("PTTL", key_of(tried[0])) <= 5000


async def test_each_rule_has_its_own_window(store, redis):
    await store.reserve(attempts())
    account, address = [await redis.execute("PTTL", key_of(attempt)) for attempt in attempts()]
    assert 0 < account <= 15 * 60_000 < address <= 30 * 60_000


async def test_what_is_taken_back_makes_room(store):
    tried = [Attempt(ACCOUNT, "ada")]
    for _ in range(50):
        await store.reserve(tried)
        await store.refund(tried)
    for _ in range(10):
        await store.reserve(tried)
    with pytest.raises(TooManyAttempts):
        await store.reserve(tried)


async def test_taking_back_never_makes_more_room_than_there_was(store, redis):
    tried = [Attempt(ACCOUNT, "ada")]
    await store.refund(tried)
    assert await redis.execute("EXISTS", key_of(tried[0])) == 0
    await store.reserve(tried)
    for _ in range(5):
        await store.refund(tried)
    assert await counted(redis, tried[0]) == 0
    for _ in range(10):
        await store.reserve(tried)
    with pytest.raises(TooManyAttempts):
        await store.reserve(tried)


async def test_subjects_and_rules_do_not_mix(store, redis):
    await store.reserve([Attempt(ACCOUNT, "same")])
    assert await counted(redis, Attempt(ADDRESS, "same")) == 0
    assert await counted(redis, Attempt(ACCOUNT, "other")) == 0


async def test_nobody_is_named_in_redis(store, redis):
    await store.reserve(attempts("ada@example.com", "203.0.113.7"))
    names = b" ".join(await redis.execute("KEYS", "*")).decode()
    assert "ada" not in names
    assert "203" not in names.replace(Attempt(ACCOUNT, "ada@example.com").subject_digest, "").replace(
        Attempt(ADDRESS, "203.0.113.7").subject_digest, ""
    )
