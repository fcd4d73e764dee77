"""``authsvc doctor``: what is wrong with this installation, and what to do about it."""

import asyncio
import contextlib

from authsvc.cli.operate import open_flows
from authsvc.flows.check_health import ADVICE, Health
from authsvc.kit.logs import configure_logs
from authsvc.kit.outage import Outage
from authsvc.settings import Settings, load

_NAMES = {
    "database": "AUTHSVC_DATABASE_URL",
    "redis": "AUTHSVC_REDIS_URL",
    "signing_keys": "signing keys",
}


def examine() -> tuple[str, bool]:
    """Return a line for each thing that the service depends on, and whether all is well."""
    settings = load()
    configure_logs("error", settings.log_format)
    health = asyncio.run(_ask(settings))
    lines = [_line(name, state) for name, state in health.states.items()]
    return "\n".join(lines), health.ready


async def _ask(settings: Settings) -> Health:
    async with open_flows(settings) as (flows, _):
        with contextlib.suppress(Outage):  # the states tell of it
            await flows.key_ring.refresh()
        return await flows.check_health()


def _line(name: str, state: str) -> str:
    advice = "" if state == "ok" else f"  {ADVICE.get(state, '')}"
    return f"{_NAMES.get(name, name):<21} {state}{advice}"
