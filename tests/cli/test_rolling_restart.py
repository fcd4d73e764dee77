"""Every instance is replaced, one after the other, while clients work: none of their requests fails."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.attack.case import HOST
from tests.attack.proxies import balanced, is_installed
from tests.cli.fleet import Clients, Connect, Instance, replace_in_turn, settings_of
from tests.support.balancer import balancing
from tests.support.stores import Urls

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(300)

Start = Callable[..., Coroutine[Any, Any, list[Instance]]]


@pytest.fixture
async def start(servers: Urls, tmp_path: Path) -> AsyncIterator[Start]:
    """Start two instances with these settings, one of them with two workers."""
    instances: list[Instance] = []

    async def started(**settings: str) -> list[Instance]:
        instances.extend(
            Instance(settings_of(servers, workers=workers, **settings), tmp_path) for workers in ("1", "2")
        )
        await asyncio.gather(*(each.start() for each in instances))
        return instances

    yield started
    for each in instances:
        each.close()


def through(port: int, tls: ssl.SSLContext | None) -> Connect:
    async def name_the_host(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = HOST

    def connect() -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"{'https' if tls else 'http'}://127.0.0.1:{port}", headers={"Host": HOST}, timeout=30,
            verify=tls or False, event_hooks={"request": [name_the_host]},
        )  # fmt: skip

    return connect


async def restart_under_load(instances: list[Instance], connect: Connect) -> None:
    for each in instances:
        await each.wait_until_it_is_sent_requests(connect)
    clients = Clients(connect)
    async with clients.at_work(4):
        await replace_in_turn(instances, connect)
    assert clients.failures == []
    assert {call for call, _ in clients.answers} == {"GET /user", "POST /refresh_jwt", "POST /register"}


async def test_behind_a_proxy_that_asks_for_readiness_no_request_fails(start):
    instances = await start()
    async with balancing([each.port for each in instances]) as balancer:
        await restart_under_load(instances, through(balancer.port, None))


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
async def test_behind_the_recommended_proxy_no_request_fails(start, name, tmp_path):
    if not is_installed(name):
        pytest.skip(f"{name} is not installed")
    instances = await start(shutdown_delay="7s")
    async with balanced(name, tmp_path, [each.port for each in instances]) as place:
        await restart_under_load(instances, through(place.port, place.tls))
