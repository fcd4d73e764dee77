"""Two instances of the service, raced for a short while; ``python -m tests.races`` does it at length."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.races.race import race
from tests.races.service import RunningService, run_service
from tests.support.stores import Urls, open_postgres, open_redis

_SECRET = "Lr8wQz3nVb6yTk1mXp9cHd4gJs7fAe2u"


@pytest.fixture
async def running(places: Urls, tmp_path: Path) -> AsyncIterator[RunningService]:
    async with (
        open_postgres(places.database),  # they begin empty
        open_redis(places.redis),
        run_service(places, _SECRET, tmp_path) as service,
    ):
        yield service


@pytest.mark.timeout(300)
@pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")
async def test_two_instances_keep_every_promise_in_any_race(running):
    _, verdicts = await race(running, 150, seed=1)
    assert all(verdict.holds for verdict in verdicts), "\n".join(map(str, verdicts))
