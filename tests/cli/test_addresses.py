"""Whose address counts, over real sockets: the peer's, or what a proxy says that was named."""

from pathlib import Path

import httpx
import pytest
from tests.cli.running import SECRET, environment, free_port, running
from tests.support.service import NEW_PASSWORD, PASSWORD, Service
from tests.support.stores import Urls

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)

LIMIT = 6
SPOOFS = (
    "X-Forwarded-For",
    "Forwarded",
    "X-Real-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
)


def serving(servers: Urls, where: Path, prefix: str, **more: str):
    """Serve with buckets of its own."""
    settings = environment(
        secret_key=SECRET,
        database_url=servers.database,
        redis_url=servers.redis,
        redis_prefix=prefix,
        redis_timeout="10s",
        attempts_per_address=str(LIMIT),
        port=str(free_port()),
        **more,
    )
    return running("serve", where, settings)


def spoofed(address: str) -> dict[str, str]:
    return {name: f"for={address}" if name == "Forwarded" else address for name in SPOOFS}


async def guess(client: httpx.AsyncClient, victim: str, headers: dict[str, str]) -> int:
    body = {"username": victim, "password": NEW_PASSWORD}
    return (await client.post("/login", json=body, headers=headers)).status_code


async def started_from(client: httpx.AsyncClient, headers: dict[str, str]) -> str:
    """Return the address that is remembered of a login."""
    body = {"username": "peer", "password": PASSWORD}
    access = (await client.post("/login", json=body, headers=headers)).json()["access_token"]
    answer = await client.get("/sessions", headers={"Authorization": f"Bearer {access}"})
    [address] = {each["ip_address"] for each in answer.json()["sessions"] if each["current"]}
    return str(address)


# A025
async def test_what_a_client_says_of_itself_counts_for_nothing(servers, tmp_path):
    with serving(servers, tmp_path, "direct") as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:
            await Service(client).register("peer")
            assert await started_from(client, spoofed("198.51.100.7")) == "127.0.0.1"
            seen = [
                await guess(client, f"direct{number}", spoofed(f"198.51.100.{number}"))
                for number in range(LIMIT + 2)
            ]
    assert seen == [401] * LIMIT + [429] * 2


# A024, A025
async def test_of_a_proxy_that_was_named_the_last_address_counts_that_is_no_proxy(servers, tmp_path):
    with serving(servers, tmp_path, "proxied", trusted_proxies="127.0.0.1,10.0.0.0/8") as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:
            await Service(client).register("peer")
            chain = {**spoofed("192.0.2.66"), "X-Forwarded-For": "192.0.2.66, 203.0.113.7, 10.1.2.3"}
            assert await started_from(client, chain) == "203.0.113.7"
            seen = [
                await guess(
                    client,
                    f"proxied{number}",
                    {"X-Forwarded-For": f"192.0.2.{number}, 2001:DB8:0:1::{number}, 10.1.2.3"},
                )
                for number in range(LIMIT + 2)
            ]
            other = await guess(client, "proxied", {"X-Forwarded-For": "192.0.2.1, 2001:db8:0:2::1"})
    assert seen == [401] * LIMIT + [429] * 2
    assert other == 401
