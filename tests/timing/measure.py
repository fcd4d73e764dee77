"""How long the service takes to refuse a login, for every reason that it has."""

import tempfile
import time
from asyncio import to_thread
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import httpx
from pydantic import SecretStr
from tests.cli.running import environment, free_port, running
from tests.support.service import NEW_PASSWORD, PASSWORD

from authsvc.devservers import DevServers
from authsvc.flows.client import Client
from authsvc.kit.clock import utc_now
from authsvc.kit.database import Database
from authsvc.kit.redis import RedisClient
from authsvc.migrations import migrate
from authsvc.settings import Settings
from authsvc.wiring import wire

BASELINE = "unknown"
_NAMES = 8  # of each kind; an account may be tried a hundred times
_MOST = 100
_CLIENT = Client("203.0.113.7", "timing")
_LIMITS = {"attempts_per_account": _MOST, "attempts_per_account_and_address": _MOST}
_LIMITS |= {"attempts_per_address": 10**6, "logins_per_account": 10**6, "registrations_per_address": 10**6}

Names = Mapping[str, Sequence[str]]
"""Kind of refusal -> who is refused for that reason."""


def measure(url: str, names: Names, samples: int, seed: int) -> dict[str, list[float]]:
    """Return ``samples`` times (in seconds) of each kind, asked for in turns, in an order that varies."""
    if samples > _NAMES * _MOST:
        raise ValueError(f"an account may be tried {_MOST} times: at most {_NAMES * _MOST} samples")
    random = Random(seed)  # noqa: S311  (an order, not a secret)
    times: dict[str, list[float]] = {kind: [] for kind in names}
    with httpx.Client(base_url=url, timeout=60) as client:
        for number in range(samples):
            for kind in random.sample(list(names), len(names)):
                body = {"username": names[kind][number % _NAMES], "password": NEW_PASSWORD}
                began = time.perf_counter()
                answer = client.post("/login", json=body)
                times[kind].append(time.perf_counter() - began)
                assert answer.status_code == 401, answer.text
    return times


@asynccontextmanager
async def service(secret: str) -> AsyncIterator[tuple[str, Names]]:
    """Serve with a cost that was raised lately; give the URL, and the names of all kinds."""
    with tempfile.TemporaryDirectory(prefix="authsvc-timing-") as name:
        folder = Path(name)
        async with DevServers(folder / "servers", durable=False) as servers:
            urls = {"database_url": servers.database_url, "redis_url": servers.redis_url}
            names = await _people(secret, urls)
            limits = {setting: str(value) for setting, value in _LIMITS.items()}
            variables = environment(
                secret_key=secret, port=str(free_port()), argon2_time_cost="3", **urls, **limits
            )
            with running("serve", folder, variables) as running_service:
                yield running_service.url, names


async def _people(secret: str, urls: Mapping[str, str]) -> Names:
    """Register users of every kind, with the cost as it was and as it is."""
    database = Database(urls["database_url"])
    redis = RedisClient.connect(urls["redis_url"], timeout=5, max_connections=4)
    await migrate(database)
    names = {
        kind: [f"{kind}{number}" for number in range(_NAMES)]
        for kind in (BASELINE, "wrong", "disabled", "older")
    }
    secrets = {name: SecretStr(value) for name, value in {"secret_key": secret, **urls}.items()}
    for passes, kinds in ((2, ["older"]), (3, ["wrong", "disabled"])):
        settings = Settings(**secrets, argon2_time_cost=passes, **_LIMITS)  # type: ignore[arg-type]  # each its own
        flows = await to_thread(wire, settings, database, redis, utc_now)
        for kind in kinds:
            for name in names[kind]:
                await flows.register(name, PASSWORD, None, None, _CLIENT)
                if kind == "disabled":
                    await flows.set_user_disabled(name, disabled=True)
        flows.hasher.close()
    await redis.close()
    await database.close()
    return names
