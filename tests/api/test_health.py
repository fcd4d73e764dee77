"""The probes: what they say, how soon, and how seldom they ask."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.support.clock import SettableClock

from authsvc.api import health
from authsvc.flows.check_health import CheckHealth
from authsvc.kit.database import Database, DatabaseLimits
from authsvc.kit.outage import Outage, reason


# A107
async def test_all_is_well(client):
    assert (await client.get("/livez")).json() == {"status": "ok"}
    ready = await client.get("/readyz")
    assert ready.status_code == 200
    everything = {"database": "ok", "redis": "ok", "signing_keys": "ok"}
    assert ready.json() == {"status": "ok", "dependencies": everything}


@asynccontextmanager
async def at_revision(database: Database, revision: str | None) -> AsyncIterator[None]:
    """Let the schema say that it is at this revision, None: at none."""
    known = await be_at(database, revision)
    try:
        yield
    finally:
        await be_at(database, known)


async def be_at(database: Database, revision: str | None) -> str | None:
    """Return the revision before."""
    async with database.write() as connection:
        before = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
        await connection.execute(text("DELETE FROM alembic_version"))
        if revision is not None:
            statement = text("INSERT INTO alembic_version VALUES (:revision)")
            await connection.execute(statement, {"revision": revision})
    return before


async def test_a_database_of_a_newer_version_serves(client, database):
    async with at_revision(database, "9999"):
        assert (await client.get("/readyz")).status_code == 200


async def test_a_database_without_a_schema_is_not_ready(client, database):
    async with at_revision(database, None):
        ready = await client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["dependencies"] == {
        "database": "schema_outdated",
        "redis": "ok",
        "signing_keys": "ok",
    }


class CountingProbe:
    def __init__(self, answer: str = "ok") -> None:
        self.asked = 0
        self.answer = answer

    async def __call__(self) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        return self.answer


# A107
async def test_a_thousand_who_ask_within_a_second_cause_one_question():
    probe, clock = CountingProbe(), SettableClock()
    check = CheckHealth({"it": probe}, clock)
    answers = await asyncio.gather(*(check() for _ in range(1000)))
    assert all(answer.ready for answer in answers)
    assert probe.asked == 1
    clock.advance(timedelta(milliseconds=999))
    await check()
    assert probe.asked == 1
    clock.advance(timedelta(milliseconds=1))
    await check()
    assert probe.asked == 2


async def test_a_clock_set_back_does_not_keep_an_old_answer():
    probe, clock = CountingProbe(), SettableClock()
    check = CheckHealth({"it": probe}, clock)
    await check()
    clock.advance(timedelta(hours=-1))
    await check()
    assert probe.asked == 2


# A107
async def test_a_silent_dependency_is_down_after_the_timeout_and_hides_no_other():
    spoke = asyncio.Event()

    async def silent() -> str:
        await spoke.wait()
        return "ok"

    async def broken() -> str:
        raise Outage("redis") from ConnectionError()

    timeout = timedelta(milliseconds=20)
    check = CheckHealth({"a": silent, "b": broken, "c": CountingProbe()}, SettableClock(), timeout=timeout)
    began = monotonic()
    found = await check()
    assert monotonic() - began < 1
    assert found.states == {"a": "down", "b": "down", "c": "ok"}
    assert found.causes == {"a": "no answer within 20 ms", "b": "ConnectionError"}
    assert not found.ready
    spoke.set()


# A107
@pytest.mark.parametrize("state", ["read_only", "full"])
async def test_what_takes_no_writes_is_told_and_requests_are_still_sent_here(state):
    check = CheckHealth({"database": CountingProbe(), "redis": CountingProbe(state)}, SettableClock())
    async with of_probes(check) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded", "dependencies": {"database": "ok", "redis": state}}


async def test_what_is_down_counts_for_more_than_what_takes_no_writes():
    check = CheckHealth({"a": CountingProbe("full"), "b": CountingProbe("too_old")}, SettableClock())
    async with of_probes(check) as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")


# A107
async def test_who_is_told_to_stop_is_unready_at_once_and_asks_nobody():
    probe = CountingProbe()
    check = CheckHealth({"it": probe}, SettableClock())
    async with of_probes(check) as client:
        assert (await client.get("/readyz")).status_code == 200
        check.withdraw()
        answer = await client.get("/readyz")
        assert (await client.get("/livez")).status_code == 200
    assert (answer.status_code, answer.json()) == (503, {"status": "stopping", "dependencies": {}})
    assert probe.asked == 1


async def test_what_is_unfit_is_logged_when_that_changes_and_once_a_minute():
    probe, clock = CountingProbe("full"), SettableClock()
    check = CheckHealth({"redis": probe}, clock)

    async def told_within(seconds: int) -> list[tuple[str, str | None]]:
        with capture_logs() as logged:
            for _ in range(seconds):
                await check()
                clock.advance(timedelta(seconds=1))
        return [(line["event"], line.get("state")) for line in logged]

    assert await told_within(60) == [("dependency_unfit", "full")]
    assert await told_within(60) == [("dependency_unfit", "full")]
    probe.answer = "read_only"
    assert await told_within(10) == [("dependency_unfit", "read_only")]
    probe.answer = "ok"
    assert await told_within(10) == [("dependency_fit", None)]
    probe.answer = "read_only"
    assert await told_within(10) == [("dependency_unfit", "read_only")]


def of_probes(check: CheckHealth) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(health.router(check))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_why_something_is_down_is_for_the_log_and_never_for_an_answer():
    async def refused() -> str:
        raise Outage("database") from ConnectionRefusedError(111, "canary")

    async def keyless() -> str:
        raise Outage("database")

    check = CheckHealth({"database": refused, "signing_keys": keyless}, SettableClock())
    with capture_logs() as logged:
        async with of_probes(check) as client:
            answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "canary" not in answer.text
    assert [(line["dependency"], line["cause"]) for line in logged] == [
        ("database", "[Errno 111] canary"),
        ("signing_keys", "needs the database"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://ada:canary@127.0.0.1:1/x?ssl=disable",
        "postgresql+asyncpg://ada:canary@nowhere.invalid/x?ssl=disable",
    ],
)
async def test_causes_can_be_told_apart_and_hold_no_password(url):
    out_of_reach = Database(url, DatabaseLimits(connect_timeout=30))
    with pytest.raises(Outage) as raised:
        async with out_of_reach.read():
            pass
    await out_of_reach.close()
    told = reason(raised.value)
    assert ("Connect call failed" in told) == ("127.0.0.1" in url), told
    assert "canary" not in told


def test_the_reason_is_what_the_driver_said_first():
    def because_of(cause: BaseException) -> str:
        outage = Outage("database")
        outage.__cause__ = cause
        return reason(outage)

    driver = RuntimeError("<class 'asyncpg.Error'>: password authentication failed.\nHINT: secret")
    wrapped = RuntimeError("[SQL: select secret]")
    wrapped.orig = driver  # type: ignore[attr-defined]  # as SQLAlchemy's errors have it
    assert because_of(wrapped) == "password authentication failed"
    assert because_of(TimeoutError()) == "no answer in time"


async def test_who_gives_up_waiting_does_not_spoil_the_answer_for_others():
    asked, released = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        asked.set()
        await released.wait()
        return "ok"

    check = CheckHealth({"it": slow}, SettableClock(), timeout=timedelta(seconds=30))
    impatient = asyncio.create_task(check())
    await asked.wait()
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    released.set()
    assert (await check()).ready
