"""The service and the model agree, whatever happens in whatever order."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test
from tests.invariants.machine import SessionMachine
from tests.invariants.world import World, open_world
from tests.support.stores import Urls

from authsvc.settings import Settings

BRIEF = (Phase.explicit, Phase.generate)  # shrinking a failure takes minutes: the thorough profile does it


@pytest.fixture
def world(places: Urls | Path, settings: Settings, tmp_path: Path) -> Iterator[World]:
    with open_world(settings, places, tmp_path) as opened:
        yield opened


@pytest.mark.timeout(1800)  # as long as the thorough profile may take
def test_the_service_and_the_model_agree_step_by_step(world):
    if hypothesis_settings.get_current_profile_name() == "thorough":
        chosen = hypothesis_settings()
    else:
        chosen = hypothesis_settings(max_examples=20, stateful_step_count=40, derandomize=True, phases=BRIEF)
    # Sessions have random ids and take real time: a failure is found again by its steps, not by its bytes.
    chosen = hypothesis_settings(
        chosen, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    machine: Any = partial(SessionMachine, world)  # any factory will do, although a class is asked for
    run_state_machine_as_test(machine, settings=chosen)
