from collections.abc import AsyncIterator

import pytest
from tests.attack.attacked import Attacked, attacked


@pytest.fixture(scope="session")
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    """A service with people in it, started once: that takes most of the time."""
    async with attacked(tmp_path_factory.mktemp("attacked"), workers=1) as service:
        yield service
