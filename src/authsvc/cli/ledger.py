"""``authsvc audit``: what the ledger holds, as JSON lines, and what is too old to be held."""

import json
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

from authsvc.audit.event import EventName, RecordedEvent, Wanted
from authsvc.cli.failures import CommandFailed
from authsvc.cli.operate import with_flows
from authsvc.kit.clock import utc_now
from authsvc.kit.durations import parse_duration
from authsvc.wiring import Flows


def print_events(user: str | None, event: str | None, since: str | None) -> None:
    """Print each event that is wanted as one line of JSON, the oldest first."""
    if event is not None and event not in set(EventName):
        raise CommandFailed(f"There is no such event. There are: {', '.join(EventName)}.")
    moment = None if since is None else _moment(since)

    async def show(flows: Flows) -> None:
        user_id = None if user is None else await _find_user(flows, user)
        async for found in flows.list_events(Wanted(user_id, event, moment)):
            print(_line(found))  # noqa: T201  (the terminal is its user interface)

    with_flows(show)


def forget_old_events() -> int:
    """Delete what is older than AUTHSVC_AUDIT_TTL; return how many events that were."""

    async def forget(flows: Flows) -> int | None:
        total = 0
        while number := await flows.forget_events():
            total += number
        return None if number is None else total

    forgotten = with_flows(forget)
    if forgotten is None:
        raise CommandFailed(
            "The role of AUTHSVC_DATABASE_URL may not delete from the audit trail. Run this as the owner."
        )
    return forgotten


async def _find_user(flows: Flows, named: str) -> UUID:
    user_id = await flows.list_events.find_user(named)
    if user_id is None:
        raise CommandFailed("There is no such user. Somebody who was deleted is found by their id alone.")
    return user_id


def _moment(text: str) -> datetime:
    """Read a time (RFC 3339, UTC unless it says otherwise), or how long ago: 90m, 7d."""
    with suppress(ValueError):
        return utc_now() - parse_duration(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed("--since takes a time, as 2030-01-31T12:00:00Z, or how long ago: 7d.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _line(event: RecordedEvent) -> str:
    said = {name: value for name, value in asdict(event).items() if value is not None}
    said["occurred_at"] = event.occurred_at.isoformat()
    return json.dumps(
        {name: str(value) if isinstance(value, UUID) else value for name, value in said.items()}
    )
