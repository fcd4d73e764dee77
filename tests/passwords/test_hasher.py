import asyncio
import os
import re
import resource
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

import pytest
from argon2 import extract_parameters
from blockbuster import blockbuster_ctx
from structlog.testing import capture_logs
from tests.support.waiting import eventually

from authsvc.errors import Overloaded, WeakPassword
from authsvc.passwords.hasher import HashingProfile, PasswordHasher
from authsvc.passwords.hashing_queue import HashingQueue

CHEAPEST = HashingProfile()
PASSWORD = "eine lange Nachtfahrt"


def make_hasher(
    profile: HashingProfile = CHEAPEST,
    *,
    threads: int = 2,
    queue_length: int = 8,
    queue_timeout: float = 30.0,
) -> PasswordHasher:
    return PasswordHasher(
        profile, threads=threads, queue_length=queue_length, queue_timeout=queue_timeout, niceness=5
    )


@pytest.fixture(scope="module")
def hasher():
    hasher = make_hasher()
    yield hasher
    hasher.close()


@asynccontextmanager
async def busy_hasher(
    *, queue_length: int = 8, queue_timeout: float = 30.0
) -> AsyncIterator[tuple[PasswordHasher, Callable[[], None]]]:
    """A hasher of one thread, which is held until ``release()`` or the end of the block."""
    hasher = make_hasher(threads=1, queue_length=queue_length, queue_timeout=queue_timeout)
    held, gate = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        gate.wait()

    holder = asyncio.ensure_future(hasher._queue.run(hold))
    await eventually(held.is_set)
    try:
        yield hasher, gate.set
    finally:
        gate.set()
        await holder
        hasher.close()


async def one_turn() -> None:
    """Let every task that is ready run once."""
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await turned.wait()


async def drain(hasher: PasswordHasher) -> None:
    """Wait until the threads have worked off all that they were given."""
    await asyncio.to_thread(hasher._queue._executor.shutdown)


# What a hash is


async def test_a_hash_is_argon2id_with_the_profile_and_a_long_salt(hasher):  # A009, A010
    password_hash = await hasher.hash(PASSWORD)
    assert re.fullmatch(
        r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", password_hash
    )
    assert extract_parameters(password_hash).salt_len == 16


async def test_equal_passwords_get_different_salts(hasher):  # A010
    hashes = await asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(8)))
    assert len({password_hash.split("$")[4] for password_hash in hashes}) == len(hashes)


@pytest.mark.parametrize(
    "profile", [HashingProfile(19456, 2), HashingProfile(47104, 1), HashingProfile(32768, 2, 2)]
)
async def test_the_right_password_verifies_and_another_does_not(profile):  # A009
    hasher = make_hasher(profile)
    password_hash = await hasher.hash(PASSWORD)
    assert await hasher.verify(password_hash, PASSWORD)
    assert not await hasher.verify(password_hash, PASSWORD + "!")
    hasher.close()


@pytest.mark.parametrize(  # A009
    ("memory_kib", "time_cost", "parallelism"),
    [(19455, 2, 1), (19456, 1, 1), (47103, 1, 1), (47104, 0, 1), (8, 100, 1), (19456, 2, 0), (19456, 2, -1),
     (19456, 2, 2433), (2**32, 2, 1), (19456, 2**32, 1)],
)  # fmt: skip
def test_a_weak_or_impossible_profile_is_refused(memory_kib, time_cost, parallelism):
    with pytest.raises(ValueError, match="argon2id"):
        HashingProfile(memory_kib, time_cost, parallelism)


# What counts as the same password


async def test_a_password_typed_in_nfd_is_the_same_password(hasher):  # A004
    password_hash = await hasher.hash("cafe\u0301 cr\u00e8me 1234")
    assert await hasher.verify(password_hash, "caf\u00e9 cre\u0300me 1234")


@pytest.mark.parametrize(
    "typed", ["ﬁve old owls here", "Five old owls here", " five old owls here", "five old owls here "]
)
async def test_a_password_that_only_looks_similar_is_another(hasher, typed):  # A004
    password_hash = await hasher.hash("five old owls here")
    assert not await hasher.verify(password_hash, typed)


@pytest.mark.parametrize("position", [72, 73, 256, 1024])
async def test_passwords_that_differ_at_one_late_byte_never_cross_verify(hasher, position):  # A002
    first = "a" * position
    second = "a" * (position - 1) + "b"
    password_hash = await hasher.hash(first)
    assert await hasher.verify(password_hash, first)
    assert not await hasher.verify(password_hash, second)
    assert not await hasher.verify(password_hash, first[:-1])


@pytest.mark.parametrize("typed", ["lone \ud800 surrogate", "x" * 1025, "é" * 513, "with \0 nul"])
async def test_what_cannot_be_a_password_is_wrong_after_the_same_work(hasher, typed):  # A015, A002
    password_hash = await hasher.hash(PASSWORD)
    computed = hasher.computed
    assert not await hasher.verify(password_hash, typed)
    assert hasher.computed == computed + 1


@pytest.mark.parametrize("password", ["lone \ud800 surrogate", "x" * 1025])
async def test_what_cannot_be_hashed_whole_is_refused(hasher, password):  # A015, A002
    with pytest.raises(WeakPassword):
        await hasher.hash(password)


async def test_an_unknown_user_costs_one_hash(hasher):
    computed = hasher.computed
    assert not await hasher.verify(None, PASSWORD)
    assert hasher.computed == computed + 1


def test_the_decoy_has_the_live_parameters():  # A019
    hasher = make_hasher(HashingProfile(20480, 3, 2))
    assert [hasher.needs_rehash(decoy) for decoy in hasher._decoys.values()] == [False]
    hasher.close()


# A019
async def test_once_an_older_hash_was_met_every_failure_computes_one_of_each_kind(hasher):
    older = await hasher.hash(PASSWORD)
    raised = make_hasher(HashingProfile(20480, 3))
    newer = await raised.hash(PASSWORD)

    async def computed(password_hash: str | None, password: str) -> int:
        before = raised.computed
        await raised.verify(password_hash, password)
        return raised.computed - before

    assert await computed(None, PASSWORD) == 1
    assert [await computed(each, PASSWORD + "!") for each in (older, newer, None)] == [2, 2, 2]
    assert [await computed(each, "lone \ud800 surrogate") for each in (older, newer, None)] == [2, 2, 2]
    assert [await computed(each, PASSWORD) for each in (older, newer)] == [1, 1]
    kinds = {(cost.memory_kib, cost.passes, cost.lanes) for cost in raised._decoys}
    assert kinds == {(19456, 2, 1), (20480, 3, 1)}
    raised.close()


async def test_kinds_of_hashes_do_not_pile_up():
    hasher = make_hasher(HashingProfile(19456, 2))
    for memory in range(19457, 19465):
        with_other_cost = make_hasher(HashingProfile(memory, 2))
        await hasher.verify(await with_other_cost.hash(PASSWORD), PASSWORD)
        with_other_cost.close()
    assert len(hasher._decoys) == 4
    hasher.close()


# Stored hashes


async def test_a_hash_made_with_other_parameters_needs_a_rehash(hasher):  # A011
    old = await hasher.hash(PASSWORD)
    stronger = make_hasher(HashingProfile(20480, 2))
    assert not hasher.needs_rehash(old)
    assert stronger.needs_rehash(old)
    assert await stronger.verify(old, PASSWORD)
    renewed = await stronger.hash(PASSWORD)
    assert not stronger.needs_rehash(renewed)
    stronger.close()


SALT = "c29tZXNhbHRzb21lc2FsdA"
DIGEST = "A" * 43
HOSTILE = [
    f"$argon2id$v=19$m=4194304,t=2,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=19456,t=4000000000,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=77824,t=2,p=9000${SALT}${DIGEST}",
    f"$argon2id$v=19$m={'9' * 5000},t=2,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=19456,t=2,p=1${SALT}${'A' * 100_000}",
    f"$argon2i$v=19$m=19456,t=2,p=1${SALT}${DIGEST}",
    f"$argon2id$v=16$m=19456,t=2,p=1${SALT}${DIGEST}",
    f"$argon2id$m=19456,t=2,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=1_9456,t=2,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=+19456,t=2,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=1\uff19456,t=2,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=-1,t=2,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=19456,t=2,p=1${SALT}$not*base64*at*all",
    f"$argon2id$v=19$m=19456,t=2,p=1${SALT}$",
    f"$argon2id$v=19$m=1,t=2,p=1${SALT}${DIGEST}",  # well-formed, but argon2 refuses these three
    f"$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${DIGEST}",
    f"$argon2id$v=19$m=19456,t=2,p=1${SALT}$AAAAB",
    f"$argon2id$v=19$m=19456,t=2,p=1${SALT}${DIGEST}\0tail",
    "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
    f"$argon2id$v=19$m=19456,t=2,p=1${SALT}${DIGEST}\n",
    "ünlesbar",
    "plain text",
    "$$$$$",
    "",
]


@pytest.mark.parametrize("stored", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_stored_hash_costs_one_decoy_and_raises_an_alarm(hasher, stored):  # A016
    computed = hasher.computed
    with capture_logs() as events:
        assert not await hasher.verify(stored, PASSWORD)
    assert hasher.computed == computed + 1
    assert hasher.needs_rehash(stored)
    [event] = events
    assert event["event"] == "stored_password_hash_refused"
    assert event["log_level"] == "warning"
    assert SALT not in str(event)
    assert stored == "" or stored not in str(event)


async def test_hostile_stored_hashes_leave_memory_flat(hasher):  # A016
    await hasher.verify(None, PASSWORD)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with capture_logs():
        for stored in HOSTILE:
            await hasher.verify(stored, PASSWORD)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * (1024 if sys.platform != "darwin" else 1024 * 1024)


async def test_work_runs_in_the_callers_context_so_that_alarms_carry_it(hasher):
    request_id = ContextVar("request_id", default="")
    request_id.set("r-17")
    assert await hasher._queue.run(request_id.get) == "r-17"


OUT_OF_MEMORY = """
import asyncio, resource
from tests.support.waiting import eventually

from authsvc.errors import Overloaded
from authsvc.passwords.hasher import HashingProfile, PasswordHasher

async def main():
    profile = HashingProfile(4 * 1024 * 1024, 2)
    hasher = PasswordHasher(profile, threads=1, queue_length=9, queue_timeout=30, niceness=0)
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    for attempt in (hasher.hash("some password"), hasher.verify(None, "some password")):
        try:
            await attempt
        except Overloaded:
            print("overloaded")
    print(hasher.computed)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="address space limits are enforced on Linux")
def test_a_machine_without_memory_is_overloaded():
    done = subprocess.run([sys.executable, "-c", OUT_OF_MEMORY], capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert done.stdout.split() == ["overloaded", "overloaded", "0"], done.stderr


# The queue


async def test_nothing_blocks_the_event_loop():  # A013
    with blockbuster_ctx():
        hasher = make_hasher()
        password_hash = await hasher.hash(PASSWORD)
        assert await hasher.verify(password_hash, PASSWORD)
        assert not hasher.needs_rehash(password_hash)
        hasher.close()


async def test_a_full_queue_refuses_at_once_and_hashes_nothing():  # A014
    async with busy_hasher(queue_length=2) as (hasher, release):
        waiting = [asyncio.ensure_future(hasher.verify(None, PASSWORD)) for _ in range(2)]
        await one_turn()
        with pytest.raises(Overloaded) as caught:
            await hasher.verify(None, PASSWORD)
        with pytest.raises(Overloaded):
            await hasher.hash(PASSWORD)
        assert caught.value.retry_after >= 1
        assert hasher.computed == 0
        release()
        assert await asyncio.gather(*waiting) == [False, False]
        assert hasher.computed == 2


async def test_work_that_waits_too_long_is_refused_and_never_done():  # A014
    async with busy_hasher(queue_timeout=0.01) as (hasher, release):
        with pytest.raises(Overloaded):
            await hasher.verify(None, PASSWORD)
        with pytest.raises(Overloaded):
            await hasher.hash(PASSWORD)
        release()
        await drain(hasher)
        assert hasher.computed == 0


async def test_work_that_has_begun_is_not_cut_off_by_the_deadline():
    queue = HashingQueue(threads=1, length=0, timeout=0.01, niceness=0)
    begun, gate = threading.Event(), threading.Event()

    def work():
        begun.set()
        gate.wait()
        return "done"

    running = asyncio.ensure_future(queue.run(work))
    await asyncio.to_thread(begun.wait)
    await asyncio.wait({running}, timeout=0.05)  # well past the deadline
    assert not running.done()
    gate.set()
    assert await running == "done"
    queue.close()


async def test_the_work_of_a_caller_who_went_away_is_dropped_unhashed():  # A014
    async with busy_hasher(queue_length=1) as (hasher, release):
        abandoned = asyncio.ensure_future(hasher.hash(PASSWORD))
        await one_turn()
        abandoned.cancel()
        with pytest.raises(asyncio.CancelledError):
            await abandoned
        next_in_line = asyncio.ensure_future(hasher.verify(None, PASSWORD))  # its place is free again
        await one_turn()
        release()
        assert await next_in_line is False
        await drain(hasher)
        assert hasher.computed == 1


async def test_a_closed_hasher_refuses_what_waits_and_what_comes():
    async with busy_hasher() as (hasher, release):
        waiting = asyncio.ensure_future(hasher.hash(PASSWORD))
        await one_turn()
        hasher.close()
        with pytest.raises(Overloaded):
            await waiting
        with pytest.raises(Overloaded):
            await hasher.hash(PASSWORD)
        release()
        await drain(hasher)
        assert hasher.computed == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads a priority of their own")
async def test_the_threads_are_nice_and_the_rest_is_not():  # A013
    before = os.getpriority(os.PRIO_PROCESS, 0)
    queue = HashingQueue(threads=1, length=0, timeout=30, niceness=19)
    assert await queue.run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())) == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    queue.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads a priority of their own")
async def test_a_priority_that_is_not_permitted_is_ignored(monkeypatch):
    def forbid(*_):
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", forbid)
    queue = HashingQueue(threads=1, length=0, timeout=30, niceness=5)
    assert await queue.run(lambda: "done") == "done"
    queue.close()


async def test_no_repr_shows_a_hash(hasher):
    assert "argon2id$" not in repr(hasher) + repr(vars(hasher)["_queue"]) + repr(CHEAPEST)
