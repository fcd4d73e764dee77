"""How long to look for a counter-example: briefly with all other tests, at length on demand.

At length: ``pytest tests/invariants --hypothesis-profile=thorough``
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from tests.invariants.world import World, open_world
from tests.support.stores import Urls

from authsvc.settings import Settings

hypothesis_settings.register_profile("thorough", max_examples=400, stateful_step_count=60, derandomize=False)


@pytest.fixture
def world(places: Urls | Path, settings: Settings, tmp_path: Path) -> Iterator[World]:
    with open_world(settings, places, tmp_path) as opened:
        yield opened
