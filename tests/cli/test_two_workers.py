"""Several processes on the real servers: two workers behind one port, and a second service beside them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import httpx
import pytest
from tests.cli.running import PATIENCE, SECRET, Running, environment, free_port, running
from tests.support.service import NEW_PASSWORD, PASSWORD, Login, Service, tokens_of
from tests.support.stores import Urls

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)


def settings_of(servers: Urls, **more: str) -> dict[str, str]:
    # Tokens name their issuer, so all are known under one URL.
    # A busy machine is slow; what is tested here is not how soon an outage is told.
    return environment(
        secret_key=SECRET,
        database_url=servers.database,
        redis_url=servers.redis,
        redis_timeout="10s",
        public_url="http://authsvc.test",
        port=str(free_port()),
        **more,
    )


@pytest.fixture(scope="module")
def services(servers, tmp_path_factory) -> Iterator[tuple[Running, Running]]:
    two_workers, beside = settings_of(servers, workers="2"), settings_of(servers)
    with running("serve", tmp_path_factory.mktemp("services"), two_workers, beside) as both:
        yield both


@pytest.fixture
async def clients(services) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Each connects anew for every request, so that all processes get some of them."""
    limits = httpx.Limits(max_keepalive_connections=0)
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=service.url, limits=limits, timeout=30, verify=False)  # noqa: S501 - plain HTTP
            )
            for service in services
        ]


async def refresh_everywhere(
    clients: list[httpx.AsyncClient], login: Login, times: int
) -> list[httpx.Response]:
    body = {"refresh_token": login.refresh_token}
    return await asyncio.gather(
        *(clients[number % len(clients)].post("/refresh_jwt", json=body) for number in range(times))
    )


async def ask_everywhere(clients: list[httpx.AsyncClient], login: Login) -> set[tuple[str, str, int]]:
    """Every kind of request that this session could make, many times over, by either token."""
    kinds = [
        ("GET", "/user", None),
        ("GET", "/sessions", None),
        ("PATCH", "/user", {"name": "Ada"}),
        ("DELETE", f"/sessions/{login.session_id}", None),
        ("POST", "/logout", {"scope": "others"}),
        ("POST", "/user/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
        ("DELETE", "/user", {"password": PASSWORD}),
    ]
    answers = await asyncio.gather(
        *(
            client.request(method, path, json=body, headers=login.bearer)
            for method, path, body in kinds
            for client in clients
            for _ in range(10)
        ),
        *(
            client.post("/refresh_jwt", json={"refresh_token": login.refresh_token})
            for client in clients * 10
        ),
    )
    return {(answer.request.method, answer.request.url.path, answer.status_code) for answer in answers}


def refused(asked: set[tuple[str, str, int]]) -> bool:
    """Whether all of it was answered 401."""
    return {status for _, _, status in asked} == {401}


# A059
async def test_a_hundred_parallel_refreshes_have_one_successor_in_all_processes(clients):
    login = await Service(clients[0]).sign_up("ada")
    answers = await refresh_everywhere(clients, login, 100)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"].encode() for answer in answers}) == 1
    successor = tokens_of(answers[0])
    assert successor.refresh_token != login.refresh_token
    assert {answer.json()["session_id"] for answer in answers} == {str(login.session_id)}
    assert await Service(clients[1]).is_alive(successor)


async def test_after_an_answered_logout_nothing_succeeds_in_any_process(clients):
    one, other = (Service(client) for client in clients)
    login = await one.sign_up("grace")
    refreshed = await other.refresh(login)
    assert (await one.log_out(login)).status_code == 204
    for ended in (login, refreshed):
        assert refused(await ask_everywhere(clients, ended))


async def test_a_logout_amid_refreshes_is_final_in_every_process(clients):
    one = Service(clients[0])
    login = await one.sign_up("lin")
    refreshing = asyncio.create_task(refresh_everywhere(clients, login, 100))
    await refresh_everywhere(clients, login, 1)
    assert (await one.log_out(login)).status_code == 204
    answers = await refreshing
    assert {answer.status_code for answer in answers} <= {200, 401}
    for ended in [login, *(tokens_of(answer) for answer in answers if answer.status_code == 200)][:3]:
        assert refused(await ask_everywhere(clients, ended))


# A022
async def test_two_hundred_wrong_passwords_at_once_are_ten_guesses_in_all_processes(clients):
    await Service(clients[0]).register("victim")
    guess = {"username": "victim", "password": NEW_PASSWORD}
    answers = await asyncio.gather(
        *(clients[number % len(clients)].post("/login", json=guess) for number in range(200))
    )
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (10, 190)
    assert (await Service(clients[1]).try_login("victim")).status_code == 429


async def test_two_workers_finish_what_is_under_way_and_stop_in_order(servers, clients, tmp_path):
    await Service(clients[0]).sign_up("mary")
    with running("serve", tmp_path, settings_of(servers, workers="2")) as service:
        told = f'"url": "{service.url.replace("127.0.0.1", "localhost")}", "workers": 2}}'
        await asyncio.to_thread(service.wait_until_said, told, 1)
        await finish_a_login_while_stopping(service)
        assert await asyncio.to_thread(service.process.wait, PATIENCE) == 0
        assert service.said.count("Finished server process") == 2
        assert "Traceback" not in service.said


async def finish_a_login_while_stopping(service: Running) -> None:
    body = json.dumps({"username": "mary", "password": PASSWORD}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(service.url).port)
    writer.write(
        b"POST /login HTTP/1.1\r\nHost: authsvc.test\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"  # a worker reads the body now
    service.process.terminate()
    await asyncio.to_thread(service.wait_until_said, "Shutting down", 2)
    writer.write(body)
    answer = await reader.read()
    assert answer.lstrip().startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"access_token" in answer
    writer.close()
