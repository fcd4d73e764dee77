"""The targets: what `make bench` holds the service to, in the order of the table."""

from dataclasses import dataclass

from findings import Finding


@dataclass(frozen=True)
class Target:
    """What a figure should reach: at least ``value``, or at most. Quick says whether two minutes suffice."""

    name: str
    value: float | None  # None where there is nothing to reach
    at_least: bool = True
    unit: str = "x"
    quick: bool = True

    def missing(self, why: str = "") -> Finding:
        """Return the line of a target that was not measured, and why, unless it was left out."""
        return Finding.missing(self.name, why, self.value, at_least=self.at_least)


F1 = "F1 (raw ASGI and one look-up)"
ROTATE = "raw ASGI and EVALSHA"

USER = Target(f"GET /user ÷ {F1}, c = 64", 0.75)
NEVER_SEEN = Target("GET /user, never-seen tokens ÷ F1", 0.10)
USER_TUTORIAL = Target("GET /user ÷ tutorial FastAPI", 20)
USER_FASTAPI_USERS = Target("GET /user ÷ fastapi-users with Redis", 20)
USER_P99 = Target("GET /user ÷ F1, p99", 3, at_least=False)
REFRESH = Target(f"/refresh_jwt ÷ {ROTATE}, c = 64", 0.25)
REFRESH_TUTORIAL = Target("/refresh_jwt ÷ tutorial FastAPI", 3, quick=False)
LOGIN = Target("/login ÷ raw ASGI and argon2 in a pool", 0.93)
STORM_USER = Target("storm: GET /user ÷ idle", 0.90)
STORM_P99 = Target("storm: GET /user p99 ÷ idle", 1.5, at_least=False)
STORM_REFRESH = Target("storm: /refresh_jwt ÷ idle", None)
STORM_MEMORY = Target("storm: peak RSS ÷ (before + pool × m)", 1.10, at_least=False)
STORM_SHED = Target("storm: p99 of the answers 503", 300, at_least=False, unit="ms")
LOGIN_SATURATED = Target("/login while readers saturate the core ÷ idle", 0.25)
LOGIN_BUSY = Target("/login beside a busy process ÷ idle", 0.25)
LOGIN_NEVER_0 = Target("fewest logins in a slice of either", 1, unit="logins")
NATIVE = Target("argon2, native build ÷ wheel", 2.0, quick=False)
WORKERS = Target("2 workers ÷ 1, processor time a request", 1.1, at_least=False, quick=False)
MEMORY = Target("memory in Redis a session, of 100 000", 450, at_least=False, unit="B", quick=False)
MILLION_USER = Target("GET /user, 1 000 000 sessions ÷ 1 000", 0.9, quick=False)
MILLION_REFRESH = Target("/refresh_jwt, 1 000 000 sessions ÷ 1 000", 0.9, quick=False)
LOGGED_OUT = Target("successes after an answered log-out, of 10 000", 0, at_least=False, unit="")

TARGETS = (
    USER, NEVER_SEEN, USER_TUTORIAL, USER_FASTAPI_USERS, USER_P99, REFRESH, REFRESH_TUTORIAL, LOGIN,
    STORM_USER, STORM_P99, STORM_REFRESH, STORM_MEMORY, STORM_SHED, LOGIN_SATURATED, LOGIN_BUSY,
    LOGIN_NEVER_0, NATIVE, WORKERS, MEMORY, MILLION_USER, MILLION_REFRESH, LOGGED_OUT,
)  # fmt: skip
