"""``authsvc doctor``: what is wrong with this installation, and what to do about it."""

import asyncio
from dataclasses import dataclass

from authsvc.cli.operate import open_flows
from authsvc.environment import load
from authsvc.flows.check_health import ADVICE, Health
from authsvc.kit.logs import configure_logs
from authsvc.kit.outage import Outage
from authsvc.settings import Settings

_NAMES = {
    "database": "AUTHSVC_DATABASE_URL",
    "redis": "AUTHSVC_REDIS_URL",
    "signing_keys": "signing keys",
}


_NOT_WRONG = {"ok", "none_yet"}


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
    findings = asyncio.run(_ask(settings))
    return "\n".join(map(str, findings)), all(each.state in _NOT_WRONG for each in findings)


async def _ask(settings: Settings) -> list[_Finding]:
    async with open_flows(settings) as (flows, _):
        try:
            keys = "ok" if await flows.key_ring.load() else "none_yet"
        except Outage:  # of the database, which the line about that explains
            keys = "down"
        health = await flows.check_health()
    states = dict(health.states) | {"signing_keys": keys}
    return [_Finding(name, state, _told(name, state, health)) for name, state in states.items()]


def _told(name: str, state: str, health: Health) -> str:
    if state == "ok":
        return ""
    if state == "down" and name == "signing_keys":
        return "They are kept in the database. Put that right first."
    if state == "down":
        return f"{health.causes[name]}. {ADVICE[state]}"
    return ADVICE[state]
