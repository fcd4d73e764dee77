"""The probes: what they say, how soon, and how seldom they ask."""

import asyncio
from datetime import timedelta
from time import monotonic

import pytest
from sqlalchemy import text
from tests.support.clock import SettableClock

from authsvc.flows.check_health import CheckHealth
from authsvc.kit.outage import Outage


# A107
async def test_all_is_well(client):
    assert (await client.get("/livez")).json() == {"status": "ok"}
    ready = await client.get("/readyz")
    assert ready.status_code == 200
    everything = {"database": "ok", "redis": "ok", "signing_keys": "ok"}
    assert ready.json() == {"status": "ok", "dependencies": everything}


async def test_a_database_of_another_version_is_not_ready(client, database):
    async with database.write() as connection:
        known = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
        await connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    try:
        ready = await client.get("/readyz")
    finally:
        async with database.write() as connection:
            await connection.execute(text(f"UPDATE alembic_version SET version_num = '{known}'"))  # noqa: S608  (ours)
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
    health = await check()
    assert monotonic() - began < 1
    assert health.states == {"a": "down", "b": "down", "c": "ok"}
    assert not health.ready
    spoke.set()


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
