"""What breaks a wrongly built service does not break this one: each counter-example, on the real thing."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from tests.model.replay import LIFE, STEPS, Replay, Trace
from tests.support.redis_time import RedisTime
from tests.support.service import PASSWORD

from authsvc.keyspace import Keyspace
from authsvc.settings import Settings
from authsvc.users.identity import Username
from authsvc.users.user import NewUser

TRACES = sorted((Path(__file__).parents[2] / "docs/model/traces").glob("*.txt"))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"session_idle_ttl": LIFE, "session_absolute_ttl": LIFE})


@pytest.fixture
async def replay(flows, redis, clock):
    new = NewUser(Username.parse("ada"), None, None, await flows.hasher.hash(PASSWORD))
    user = await flows.register.users.add(new)
    started = Replay(flows, redis, clock, RedisTime(redis, clock, Keyspace()))
    await started.begin(user.id)
    return started


async def run(replay: Replay, trace: Trace) -> set[str]:
    for line in trace.steps:
        await replay.step(line)
    await replay.end()
    return replay.broken


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
async def test_what_breaks_a_variant_breaks_nothing_here(replay, path):
    assert await run(replay, Trace.read(path)) == set()


class TestWithoutGrace:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"refresh_grace": timedelta(0)})

    async def test_the_replay_notices_what_a_service_without_grace_breaks(self, replay):
        [path] = [path for path in TRACES if path.stem == "no-grace.L1"]
        assert await run(replay, Trace.read(path)) == {"L1"}


def test_there_is_a_trace_for_every_property_and_of_every_kind_of_step():
    traces = [Trace.read(path) for path in TRACES]
    assert {trace.breaks for trace in traces} == {"S1", "S2", "S3", "S4", "S5", "S6", "L1"}
    lines = [line for trace in traces for line in trace.steps]
    unused = [form for form in STEPS if not any(re.fullmatch(form, line) for line in lines)]
    assert unused == []
