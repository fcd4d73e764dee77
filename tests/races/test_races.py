"""Two instances of the service, raced against themselves for a short while; `python -m tests.races` does more."""

from pathlib import Path

import pytest
from tests.races.race import race
from tests.races.service import run_service
from tests.support.stores import Urls, open_postgres, open_redis

_SECRET = "Lr8wQz3nVb6yTk1mXp9cHd4gJs7fAe2u"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")
async def test_two_instances_keep_every_promise_in_any_race(places: Urls, tmp_path: Path):
    async with open_postgres(places.database), open_redis(places.redis):  # they begin empty
        async with run_service(places, _SECRET, tmp_path) as service:
            _, verdicts = await race(service, 150, seed=1)
    assert all(verdict.holds for verdict in verdicts), "\n".join(map(str, verdicts))
