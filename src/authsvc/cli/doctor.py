"""``authsvc doctor``: what is wrong with this installation, and what to do about it."""

import asyncio
from dataclasses import dataclass

from argon2.exceptions import HashingError

from authsvc.cli.operate import open_flows
from authsvc.environment import load
from authsvc.flows.check_health import ADVICE, Health
from authsvc.kit.logs import configure_logs
from authsvc.kit.outage import Outage
from authsvc.passwords.argon2_build import (
    Build,
    Instructions,
    can_run_avx2,
    find_build,
    measure,
    read_cpuinfo,
)
from authsvc.passwords.hasher import HashingProfile
from authsvc.settings import Settings

_NAMES = {
    "database": "AUTHSVC_DATABASE_URL",
    "redis": "AUTHSVC_REDIS_URL",
    "signing_keys": "signing keys",
}


_NOT_WRONG = {"ok", "none_yet", "slow"}


@dataclass(frozen=True, slots=True)
class _Finding:
    name: str
    state: str
    told: str

    def __str__(self) -> str:
        return f"{_NAMES.get(self.name, self.name):<21} {self.state:<4}  {self.told}".rstrip()


def examine() -> tuple[str, bool]:
    """Return a line for each thing that the service depends on, and whether all is well. Changes nothing."""
    settings = load()
    configure_logs("error", settings.log_format)
    findings = [*asyncio.run(_ask(settings)), _examine_hashing(settings)]
    return "\n".join(map(str, findings)), all(each.state in _NOT_WRONG for each in findings)


async def _ask(settings: Settings) -> list[_Finding]:
    async with open_flows(settings) as (flows, _):
        try:
            keys = "ok" if await flows.key_ring.load() else "none_yet"
        except Outage:  # of the database, which the line about that explains
            keys = "down"
        health = await flows.check_health()
    states = dict(health.states) | {"signing_keys": keys}
    findings = [_Finding(name, state, _told(name, state, health)) for name, state in states.items()]
    insecure = settings.insecure().items()
    return findings + [_Finding(name.removesuffix("_url"), "open", f"It {said}") for name, said in insecure]


def _told(name: str, state: str, health: Health) -> str:
    if state == "ok":
        return ""
    if state == "down" and name == "signing_keys":
        return "They are kept in the database. Put that right first."
    if state == "down":
        return f"{health.causes[name]}. {ADVICE[state]}"
    return ADVICE[state]


def _examine_hashing(settings: Settings) -> _Finding:
    """Which Argon2 is in use, what it does here with these settings, and whether it could do more."""
    profile = HashingProfile(
        settings.argon2_memory_kib, settings.argon2_time_cost, settings.argon2_parallelism
    )
    try:
        speed = measure(profile)
    except HashingError:
        return _Finding(
            "argon2", "down", "There is not enough memory for one hash. Lower AUTHSVC_ARGON2_MEMORY_KIB."
        )
    build = find_build()
    state, advice = advise(build, read_cpuinfo())
    told = (
        f"{build}: {speed.elapsed * 1000:.1f} ms a hash, "
        f"{1 / speed.processor:.0f} logins a second on each core. {advice}"
    )
    return _Finding("argon2", state, told)


def advise(build: Build, cpuinfo: str) -> tuple[str, str]:
    """Return how that build does on the processors of /proc/cpuinfo: a state, and what to do about it."""
    if build.instructions is Instructions.SSE2 and can_run_avx2(cpuinfo):
        return (
            "slow",
            "This processor could do nearly twice as many: run `make native`, see docs/capacity.md.",
        )
    return "ok", ""
