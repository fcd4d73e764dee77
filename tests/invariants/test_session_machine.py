"""The service and the model agree, whatever happens in whatever order."""

from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test
from tests.invariants.machine import SessionMachine

BRIEF = (Phase.explicit, Phase.generate)  # shrinking a failure takes minutes: the thorough profile does it


@pytest.mark.parametrize("noticed", [True, False])
@pytest.mark.parametrize("how", ["current", "others", "all", "reuse"])
def test_an_end_that_a_failover_undid_is_still_an_end(world, how, noticed):
    # Chance comes by here too seldom to rely on it.
    machine = SessionMachine(world)
    machine.begin()
    [user] = machine.everybody
    for session in machine.log_in(user, right=True), machine.log_in(user, right=True):
        machine.lose_an_end(session, how=how, noticed=noticed)
        machine.every_session_is_as_the_model_says()
        machine.every_user_sees_the_live_sessions()


@pytest.mark.timeout(1800)  # as long as the thorough profile may take
def test_the_service_and_the_model_agree_step_by_step(world):
    if hypothesis_settings.get_current_profile_name() == "thorough":
        chosen = hypothesis_settings()
    else:
        chosen = hypothesis_settings(max_examples=15, stateful_step_count=40, derandomize=True, phases=BRIEF)
    # Sessions have random ids and take real time: a failure is found again by its steps, not by its bytes.
    chosen = hypothesis_settings(
        chosen, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    machine: Any = partial(SessionMachine, world)  # any factory will do, although a class is asked for
    run_state_machine_as_test(machine, settings=chosen)
