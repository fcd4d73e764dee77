"""A handful of the faults, each shorter than in ``make faults``; and the judges of that program, judged."""

import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from tests.faults.campaign import Campaign, Resources, Timing, _grown, _recovery
from tests.faults.catalogue import FAULTS
from tests.faults.resident import Resident
from tests.faults.stack import POOL, WORKERS, Stack, run_stack
from tests.faults.watching import LATEST_503, QUEUE, SILENT, Log, Seen, WatchedInstance
from tests.races.connection import Answer
from tests.races.history import History, Kind, now
from tests.races.lane import Held

SHORT = Timing(quiet=0.3, fault=1.5, after=0.5)
CHOSEN = (
    "redis-killed",
    "redis-lost-replies",
    "postgres-commit-lost",
    "postgres-terminated",
    "worker-killed",
)
PROBLEM = {"content-type": "application/problem+json", "retry-after": "1"}


@pytest.fixture
async def stack(tmp_path) -> AsyncIterator[Stack]:
    async with run_stack(tmp_path) as running:
        yield running


@pytest.fixture
async def campaign(stack) -> AsyncIterator[Campaign]:
    it = Campaign(stack, users=8, timing=SHORT)
    yield it
    await it.close()


# A051 A062 A105
@pytest.mark.timeout(240)
async def test_users_keep_all_that_was_promised_while_things_break(campaign):
    for fault in FAULTS:
        if fault.name in CHOSEN:
            result = await campaign.run(fault())
            assert result.requests > 50
            assert result.checks > 50
            assert result.refused + result.silent > 0
            assert result.violations == []


def test_every_fault_has_a_name_of_its_own_and_a_sentence():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 25
    assert all(fault.sentence.endswith(".") and fault.of for fault in FAULTS)
    assert set(CHOSEN) < {fault.name for fault in FAULTS}


# What must be found


def looked_at(answer: Answer, what: str = "GET /user", seconds: float = 0.1) -> Log:
    log = Log()
    WatchedInstance(1, log)._look_at(what, answer, seconds)
    return log


def test_a_defect_is_found_and_an_honest_503_is_not():
    assert looked_at(Answer(500, b"{}", PROBLEM)).violations
    assert looked_at(Answer(404, b"{}", PROBLEM)).violations
    honest = looked_at(Answer(503, b"{}", PROBLEM))
    assert not honest.violations
    assert not honest.late


def test_a_503_without_retry_after_or_of_another_type_is_found():
    assert looked_at(Answer(503, b"{}", {"content-type": "application/problem+json"})).violations
    assert looked_at(Answer(503, b"{}", {"retry-after": "1"})).violations


def test_a_503_that_comes_late_is_found_and_a_queue_for_a_hash_is_allowed_for():
    late = LATEST_503 + 0.1
    assert looked_at(Answer(503, b"{}", PROBLEM), seconds=late).late
    assert not looked_at(Answer(503, b"{}", PROBLEM), "POST /login", late).late
    assert looked_at(Answer(503, b"{}", PROBLEM), "POST /login", late + QUEUE).late


async def test_a_request_without_an_answer_is_found():
    log = Log()
    assert (await WatchedInstance(1, log).ask("GET", "/user")).status == SILENT
    assert log.violations


def resident(log: Log) -> tuple[Resident, Held]:
    it = Resident(SimpleNamespace(instances=()), log, seed=1)
    it.begin(History(), log)
    it.user_id = "ada"
    return it, Held("a session", "a token", {1: "a refresh token"})


def test_a_401_for_a_valid_token_is_found_unless_the_sessions_were_lost():
    log = Log()
    it, held = resident(log)
    it._note(Kind.LOOK, held, now(), Answer(401, b'{"code": "session_ended"}'))
    assert len(log.violations) == 1
    it.begin(it.history, Log())
    it.sessions_may_vanish = True
    it._note(Kind.LOOK, held, now(), Answer(401, b'{"code": "session_ended"}'))
    assert not it.log.violations


def test_a_401_after_a_log_out_is_right():
    log = Log()
    it, held = resident(log)
    it.suspects.add(held.id)
    it._note(Kind.LOOK, held, now(), Answer(401, b"{}"))
    assert not log.violations


def test_an_answer_about_somebody_else_is_found():
    log = Log()
    it, held = resident(log)
    it._note(Kind.LOOK, held, now(), Answer(200, b"{}"), owner="grace")
    assert log.violations


def test_recovery_lasts_until_nothing_fails_any_more():
    began = time.monotonic()

    def seen(at: float, status: int, code: str = "") -> Seen:
        return Seen(began + at, began + at + 0.5, "GET", "/user", status, code)

    during, after = seen(-1, 503), seen(2, 503)
    assert _recovery([during, seen(1, 200)], began) == 0
    assert _recovery([during, after, seen(3, 200)], began) == pytest.approx(2.5)
    assert _recovery([seen(3, SILENT)], began) == pytest.approx(3.5)
    assert _recovery([seen(3, 503, "overloaded")], began) == 0


def test_what_is_left_open_is_found():
    before = Resources(3, 4, {1: 50}, {1: 100 << 20})
    assert _grown(before, Resources(3, WORKERS * POOL, {1: 60}, {1: 110 << 20})) == []
    assert (
        _grown(before, Resources(3, 4, {2: 500}, {2: 900 << 20})) == []
    )  # another worker has taken its place
    for worse in (
        Resources(9, 4, {1: 50}, {1: 100 << 20}),
        Resources(3, WORKERS * POOL + 9, {1: 50}, {1: 100 << 20}),
        Resources(3, 4, {1: 150}, {1: 100 << 20}),
        Resources(3, 4, {1: 50}, {1: 300 << 20}),
    ):
        assert len(_grown(before, worse)) == 1
