import json
from datetime import timedelta
from itertools import pairwise

import pytest
from tests.tokens.forging import SESSION, START, TTL, USER, SettableClock, issuer_with

from authsvc.errors import InvalidToken
from authsvc.kit.database import Database
from authsvc.kit.outage import Outage
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.tokens.key_cipher import KeyCipher, SigningKeyError
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.key_schedule import KeySchedule
from authsvc.tokens.signing_keys import Algorithm
from authsvc.tokens.store import SigningKeyStore
from authsvc.tokens.tables import signing_keys


def published_kids(ring: KeyRing, clock: SettableClock) -> list[str]:
    return [key["kid"] for key in json.loads(ring.jwks(clock.now).body)["keys"]]


async def test_the_first_refresh_makes_a_key_that_signs_at_once(key_ring: KeyRing, clock: SettableClock):
    assert published_kids(key_ring, clock) == [key_ring.signing_key(clock.now).kid]


async def test_loading_makes_no_key_and_knows_those_that_are_there(
    store: SigningKeyStore, schedule: KeySchedule, clock: SettableClock
):
    ring = KeyRing(store, algorithm="EdDSA", schedule=schedule, clock=clock)
    assert not await ring.load()
    assert await store.all() == []
    made = await store.ensure("ES256", clock.now, schedule.publish_lead)
    assert made
    clock.now = START + 2 * schedule.rotation_interval  # another algorithm and a rotation are due
    assert await ring.load()
    assert [key.kid for key in await store.all()] == published_kids(ring, clock) == [made.kid]


async def test_before_the_first_refresh_everything_is_an_outage(
    store: SigningKeyStore, schedule: KeySchedule, clock: SettableClock
):  # A105
    ring = KeyRing(store, algorithm="EdDSA", schedule=schedule, clock=clock)
    for ask in (lambda: ring.signing_key(START), lambda: ring.find("x", START), lambda: ring.jwks(START)):
        with pytest.raises(Outage, match="database"):
            ask()


async def test_a_refresh_that_fails_leaves_what_is_known(
    key_ring: KeyRing, database: Database, clock: SettableClock
):
    kid = key_ring.signing_key(clock.now).kid
    async with database.write() as connection:
        await connection.run_sync(signing_keys.drop)
    with pytest.raises(Outage):
        await key_ring.refresh()
    assert key_ring.find(kid, clock.now)
    async with database.write() as connection:
        await connection.run_sync(signing_keys.create)
        await connection.execute(
            signing_keys.insert().values(
                kid="x",
                algorithm="EdDSA",
                public_jwk="{}",
                private_key=b"x",
                created_at=START,
                active_from=START,
            )
        )
    with pytest.raises(SigningKeyError):
        await key_ring.refresh()
    assert key_ring.signing_key(clock.now).kid == kid


async def test_an_instance_whose_clock_is_behind_signs_with_the_first_key(
    key_ring: KeyRing, clock: SettableClock
):
    assert key_ring.signing_key(START - timedelta(seconds=30)) == key_ring.signing_key(clock.now)


async def test_the_key_set_is_tagged_by_what_it_holds(
    key_ring: KeyRing, store: SigningKeyStore, schedule: KeySchedule, clock: SettableClock
):  # A081
    before = key_ring.jwks(clock.now)
    assert key_ring.jwks(clock.now) is before
    await key_ring.refresh()
    assert key_ring.jwks(clock.now).etag == before.etag
    await store.rotate("EdDSA", clock.now, schedule.publish_lead)
    await key_ring.refresh()
    after = key_ring.jwks(clock.now)
    assert after.etag != before.etag
    assert after.etag[0] == after.etag[-1] == '"'
    assert len(json.loads(after.body)["keys"]) == 2


async def test_a_rotation_leaves_no_second_in_which_a_valid_token_fails(
    database: Database, cipher: KeyCipher, schedule: KeySchedule, clock: SettableClock
):  # A079
    # Two instances that poll at different seconds, and a stranger that keeps the key set as long as it may.
    rings = [
        KeyRing(SigningKeyStore(database, cipher), algorithm="EdDSA", schedule=schedule, clock=clock)
        for _ in range(2)
    ]
    for ring in rings:
        await ring.refresh()
    issuers = [issuer_with(ring, clock) for ring in rings]
    poll, max_age = (int(t.total_seconds()) for t in (schedule.poll_interval, schedule.jwks_max_age))
    cached, signers, alive = published_kids(rings[0], clock), [], []
    clock.now = START + schedule.rotation_interval - timedelta(seconds=2 * poll)
    for second in range(2 * poll + int((schedule.publish_lead + 2 * TTL).total_seconds())):
        if second % poll == 0:
            await rings[0].refresh()
        if second % poll == poll // 2:
            await rings[1].refresh()
        if second % max_age == 0:
            cached = published_kids(rings[second % 2], clock)
        signer = rings[second % 2].signing_key(clock.now).kid
        signers.append(signer)
        assert signer in cached
        alive.append((clock.now, issuers[second % 2].issue(USER, SESSION, clock.now, ("pwd",))))
        alive = [(born, token) for born, token in alive if clock.now - born < TTL]
        # Newest, oldest and those between: at every second, on both instances.
        for _, token in {alive[0], alive[len(alive) // 2], alive[-1]}:
            for issuer in issuers:
                assert issuer.verify(token).user_id == USER
        clock.advance(seconds=1)
    changes = [a != b for a, b in pairwise(signers)]
    assert sum(changes) == 1


async def test_a_retired_key_is_refused_unpublished_and_forgotten(
    issuer: AccessTokenIssuer,
    key_ring: KeyRing,
    store: SigningKeyStore,
    schedule: KeySchedule,
    clock: SettableClock,
):  # A079
    first = key_ring.signing_key(clock.now)
    await store.rotate("EdDSA", clock.now, schedule.publish_lead)
    await key_ring.refresh()
    clock.now = START + schedule.publish_lead - timedelta(seconds=1)
    last = issuer.issue(USER, SESSION, clock.now, ("pwd",))
    clock.advance(seconds=1)
    assert key_ring.signing_key(clock.now) != first
    retired_at = clock.now + schedule.retire_after
    clock.now = retired_at - timedelta(seconds=1)
    assert key_ring.find(first.kid, clock.now) == first
    assert first.kid in published_kids(key_ring, clock)
    # Without any refresh in between, time alone retires it.
    clock.now = retired_at
    assert key_ring.find(first.kid, clock.now) is None
    assert first.kid not in published_kids(key_ring, clock)
    with pytest.raises(InvalidToken, match="not signed with a key"):
        issuer.verify_genuine(last)
    await key_ring.refresh()
    assert first.kid not in [key.kid for key in await store.all()]


async def test_an_expired_token_ends_its_session_in_spite_of_a_rotation(
    issuer: AccessTokenIssuer,
    key_ring: KeyRing,
    store: SigningKeyStore,
    schedule: KeySchedule,
    clock: SettableClock,
):
    await store.rotate("EdDSA", clock.now, schedule.publish_lead)
    await key_ring.refresh()
    clock.now = START + schedule.publish_lead - timedelta(seconds=1)
    token = issuer.issue(USER, SESSION, clock.now, ("pwd",))
    clock.now += TTL + timedelta(hours=1)
    await key_ring.refresh()
    assert issuer.verify_genuine(token).session_id == SESSION


async def test_keys_are_rotated_and_forgotten_by_schedule(
    key_ring: KeyRing, store: SigningKeyStore, schedule: KeySchedule, clock: SettableClock
):
    clock.now = START + schedule.rotation_interval - timedelta(seconds=1)
    await key_ring.refresh()
    assert len(await store.all()) == 1
    clock.advance(seconds=1)
    for _ in range(5):
        await key_ring.refresh()
        clock.advance(minutes=1)
    assert len(await store.all()) == 2
    clock.now = START + 10 * schedule.rotation_interval
    for _ in range(3):
        await key_ring.refresh()
        clock.now += schedule.publish_lead + schedule.retire_after
    await key_ring.refresh()
    assert len(await store.all()) == 1


@pytest.mark.parametrize("then", ["ES256", "RS256"])
async def test_a_change_of_algorithm_keeps_old_tokens_valid(
    issuer: AccessTokenIssuer,
    store: SigningKeyStore,
    schedule: KeySchedule,
    clock: SettableClock,
    then: Algorithm,
):
    ring = KeyRing(store, algorithm=then, schedule=schedule, clock=clock)
    await ring.refresh()
    changed = issuer_with(ring, clock)
    assert ring.signing_key(clock.now).algorithm == "EdDSA"
    clock.now = START + schedule.publish_lead - timedelta(seconds=1)
    old = issuer.issue(USER, SESSION, clock.now, ("pwd",))
    clock.advance(seconds=1)
    assert ring.signing_key(clock.now).algorithm == then
    new = changed.issue(USER, SESSION, clock.now, ("pwd",))
    assert changed.verify(old).user_id == changed.verify(new).user_id == USER


async def test_instances_that_differ_in_the_algorithm_do_not_outbid_each_other(
    key_ring: KeyRing, store: SigningKeyStore, schedule: KeySchedule, clock: SettableClock
):
    updated = KeyRing(store, algorithm="ES256", schedule=schedule, clock=clock)
    for _ in range(30):
        await updated.refresh()
        await key_ring.refresh()
        clock.advance(minutes=1)
    assert [key.algorithm for key in await store.all()] == ["EdDSA", "ES256"]


def test_a_key_is_published_for_longer_than_anybody_takes_to_see_it():
    schedule = KeySchedule(TTL, poll_interval=timedelta(minutes=3), jwks_max_age=timedelta(hours=1))
    assert schedule.publish_lead > schedule.poll_interval + schedule.jwks_max_age


def test_keys_that_would_be_replaced_too_soon_are_refused():
    with pytest.raises(ValueError, match="rotated"):
        KeySchedule(TTL, rotation_interval=timedelta(hours=1))
