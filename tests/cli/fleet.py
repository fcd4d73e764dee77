"""Instances that are replaced one by one, and clients that must not notice."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from tests.attack.case import HOST
from tests.cli.running import (
    PATIENCE,
    SECRET,
    Running,
    environment,
    free_port,
    started,
    wait_until_it_answers,
)
from tests.support.service import PASSWORD, Service
from tests.support.stores import Urls
from tests.support.waiting import eventually

Connect = Callable[[], httpx.AsyncClient]


def settings_of(servers: Urls, **more: str) -> dict[str, str]:
    """Those of one instance, at a port of its own. A busy machine is slow; outages are tested elsewhere."""
    port = str(free_port())
    # On a busy machine an answer of /readyz takes its time; the tests' balancer reuses connections for 4 s.
    settings = {"shutdown_delay": "5s", "registrations_per_address": "1000000"} | more
    return environment(
        secret_key=SECRET, database_url=servers.database, database_timeout="10s", redis_url=servers.redis,
        redis_timeout="10s", hashing_queue_timeout="50s", public_url=f"https://{HOST}", port=port,
        trusted_proxies="127.0.0.1", **settings,
    )  # fmt: skip


@dataclass
class Clients:
    """Users who log in once and are at work until they are told to stop, each on connections of its own."""

    connect: Connect
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _stop: bool = False

    @asynccontextmanager
    async def at_work(self, number: int) -> AsyncIterator[None]:
        """Let so many users work while the block runs."""
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(self.connect()) for _ in range(number)]
            working = [asyncio.create_task(self._work(client)) for client in clients]
            await eventually(lambda: self._have_begun(working), within=PATIENCE)
            try:
                yield
            finally:
                self._stop = True
                await asyncio.gather(*working)

    def _have_begun(self, working: Sequence["asyncio.Task[None]"]) -> bool:
        for each in working:
            if each.done():
                each.result()
        return self.answers["GET /user", 200] > len(working)

    async def _work(self, client: httpx.AsyncClient) -> None:
        service = Service(client)
        name = f"u{uuid4().hex[:20]}"
        login = await service.sign_up(name)
        while not self._stop:
            for _ in range(20):
                await self._note("GET /user", service.user(login))
            refreshed = await self._note("POST /refresh_jwt", service.try_refresh(login.refresh_token))
            if refreshed is not None:
                login = await service.refresh(login)  # by the same token: it has one successor
            await self._note("POST /register", service.register(f"u{uuid4().hex[:20]}", PASSWORD))

    async def _note(self, call: str, asking: Coroutine[Any, Any, httpx.Response]) -> httpx.Response | None:
        try:
            answer = await asking
        except httpx.HTTPError as error:
            self.failures.append(f"{call}: {error!r}")
            return None
        self.answers[call, answer.status_code] += 1
        if not answer.is_success:
            self.failures.append(f"{call}: {answer.status_code} {answer.text[:200]}")
        return answer


@dataclass
class Instance:
    """One place in a fleet: what runs there is replaced, on the same port."""

    env: dict[str, str]
    where: Path
    running: Running | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _said_before: int = 0

    @property
    def port(self) -> int:
        return int(self.env["AUTHSVC_PORT"])

    async def start(self) -> None:
        """Start it, and return when it is ready."""
        self.running = await asyncio.to_thread(self._start)

    def _start(self) -> Running:
        service = self._stack.enter_context(started("serve", self.where, self.env))
        self._said_before = len(service.said)
        wait_until_it_answers(service)
        return service

    async def stop(self) -> None:
        """Stop it by SIGTERM, and return when it has ended."""
        assert self.running is not None
        assert await asyncio.to_thread(self.running.stop, signal.SIGTERM) == 0
        assert "Traceback" not in self.running.said

    async def wait_until_it_is_sent_requests(self, connect: Connect) -> None:
        """Ask through the proxy, as nobody, until that reached this instance: its log says so."""

        async def reached() -> bool:
            async with connect() as client:
                assert (await client.get("/user")).status_code == 401
            assert self.running is not None
            return '"event": "refused"' in self.running.said[self._said_before :]

        await eventually(reached, within=PATIENCE)

    def close(self) -> None:
        if self.running is not None and self.running.process.poll() is None:
            self.running.process.send_signal(signal.SIGINT)  # the first signal; the second ends the delay
        self._stack.close()


async def replace_in_turn(instances: Sequence[Instance], connect: Connect) -> None:
    """The restart that docs/operations.md describes."""
    for instance in instances:
        await instance.stop()
        await instance.start()
        await instance.wait_until_it_is_sent_requests(connect)
