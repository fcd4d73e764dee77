"""Several processes on the real servers: two workers behind one port, and a second service beside them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import httpx
import pytest
from tests.cli.running import PATIENCE, Running, free_port, running
from tests.support.service import NEW_PASSWORD, PASSWORD, Login, Service, tokens_of

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def services(env, tmp_path) -> Iterator[tuple[Running, Running]]:
    # Tokens name their issuer, so both are known under one URL.
    # A busy machine is slow; what is tested here is not how soon an outage is told.
    shared = env | {"AUTHSVC_PUBLIC_URL": "http://authsvc.test", "AUTHSVC_REDIS_TIMEOUT": "10s"}
    two_workers = shared | {"AUTHSVC_PORT": str(free_port()), "AUTHSVC_WORKERS": "2"}
    with running("serve", tmp_path, two_workers, shared | {"AUTHSVC_PORT": str(free_port())}) as both:
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


async def test_two_workers_finish_what_is_under_way_and_stop_in_order(services, clients):
    await Service(clients[0]).sign_up("mary")
    first, _ = services
    body = json.dumps({"username": "mary", "password": PASSWORD}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(first.url).port)
    writer.write(
        b"POST /login HTTP/1.1\r\nHost: authsvc.test\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"  # a worker reads the body now
    first.process.terminate()
    await asyncio.to_thread(first.wait_until_said, "Shutting down", 2)
    writer.write(body)
    answer = await reader.read()
    assert answer.lstrip().startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"access_token" in answer
    writer.close()
    assert await asyncio.to_thread(first.process.wait, PATIENCE) == 0
    assert first.said.count("Finished server process") == 2
    assert "Traceback" not in first.said
