"""How long to look for a counter-example: briefly with all other tests, at length on demand.

At length: ``pytest tests/invariants --hypothesis-profile=thorough``
"""

from hypothesis import settings

settings.register_profile("thorough", max_examples=400, stateful_step_count=60, derandomize=False)
