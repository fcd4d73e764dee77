"""All faults, in the order in which they happen."""

from tests.faults import postgres_faults, process_faults, redis_faults
from tests.faults.fault import Fault

FAULTS: tuple[type[Fault], ...] = (*redis_faults.FAULTS, *postgres_faults.FAULTS, *process_faults.FAULTS)
