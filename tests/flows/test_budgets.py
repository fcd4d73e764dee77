"""How many round trips each call may cost: what a change must not raise unnoticed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event
from tests.support.service import NEW_PASSWORD, PASSWORD

from authsvc.kit.database import Database
from authsvc.kit.prepared import driver_of
from authsvc.kit.redis import RedisClient
from authsvc.settings import Settings


@dataclass
class Spent:
    redis: int = 0
    statements: int = 0


@contextmanager
def counting(redis: RedisClient, database: Database) -> Iterator[Spent]:
    """Count what is sent to Redis and to the database."""
    spent = Spent()
    with counting_commands(redis, spent), counting_statements(database, spent):
        yield spent


@contextmanager
def counting_commands(redis: RedisClient, spent: Spent) -> Iterator[None]:
    sender = redis._sender

    class Counting:
        async def send(self, *command):
            spent.redis += 1
            return await sender.send(*command)

        async def send_together(self, *commands):
            spent.redis += 1
            return await sender.send_together(*commands)

    redis._sender = Counting()  # type: ignore[assignment]  # sends as the other does
    try:
        yield
    finally:
        redis._sender = sender


class Statements:
    """Counts them whether SQLAlchemy sends them or asyncpg does, but for those around a transaction."""

    def __init__(self, spent: Spent) -> None:
        self._spent = spent
        self._watched: list[Any] = []

    def executed(self, connection, cursor, statement, *_):
        self._count(statement)

    def taken(self, connection, *_):
        self.watch(connection.driver_connection)

    def watch(self, driver: Any) -> None:
        if driver not in self._watched and hasattr(driver, "add_query_logger"):
            driver.add_query_logger(self._fetched)
            self._watched.append(driver)

    def leave(self) -> None:
        for driver in self._watched:
            driver.remove_query_logger(self._fetched)

    def _fetched(self, record):
        self._count(record.query)

    def _count(self, statement: str) -> None:
        if not statement.startswith(("BEGIN", "COMMIT")):
            self._spent.statements += 1


@contextmanager
def counting_statements(database: Database, spent: Spent) -> Iterator[None]:
    counts = Statements(spent)
    for left in database._seats._left:
        counts.watch(driver_of(left))
    listeners = {"before_cursor_execute": counts.executed, "checkout": counts.taken}
    for name, listener in listeners.items():
        event.listen(database.engine.sync_engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(database.engine.sync_engine, name, listener)
        counts.leave()


CALLS = {
    "GET /user": (1, 0),
    "POST /login": (3, 2),
    "POST /refresh_jwt": (1, 1),
    "POST /logout": (1, 1),
    "GET /sessions": (2, 0),
    "DELETE /sessions": (3, 1),
    "PATCH /user": (2, 1),
    "POST /user/password": (4, 2),
    "POST /register": (1, 1),
    "DELETE /user": (4, 2),
    "GET /livez": (0, 0),
    "GET /.well-known/jwks.json": (0, 0),
}

RECORDED = {
    "POST /logout", "DELETE /sessions", "PATCH /user", "POST /user/password", "POST /register", "DELETE /user"
}  # fmt: skip
"""What changes the database. Its event is part of the same statement on PostgreSQL, another on SQLite."""


async def spend(service, redis, database, name) -> Spent:
    """Make the call once to warm up, as somebody else, and once more to count."""
    for username in ("grace", "ada"):
        login, other = await service.sign_up(username), await service.log_in(username)
        await service.user(login)
        method, path = name.split(" ")
        body: dict[str, object] | None = {
            "POST /login": {"username": username, "password": PASSWORD},
            "POST /refresh_jwt": {"refresh_token": login.refresh_token},
            "POST /logout": {},
            "PATCH /user": {"name": "Somebody"},
            "POST /user/password": {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
            "POST /register": {"username": f"{username}2", "password": PASSWORD},
            "DELETE /user": {"password": PASSWORD},
        }.get(name)
        if name == "DELETE /sessions":
            path = f"/sessions/{other.session_id}"
        with counting(redis, database) as last:
            answer = await service.client.request(method, path, json=body, headers=login.bearer)
        assert answer.status_code < 300, answer.text
    return last


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_costs_no_more_than_its_budget(service, redis, database, name):
    spent = await spend(service, redis, database, name)
    round_trips, statements = CALLS[name]
    of_its_own = database.is_sqlite and name in RECORDED
    assert (spent.redis, spent.statements) == (round_trips, statements + of_its_own)


HASHES = {"POST /login": 1, "POST /register": 1, "POST /user/password": 2, "DELETE /user": 1}


# A106
@pytest.mark.parametrize("name", CALLS)
def test_a_call_has_an_end_whatever_its_servers_do(name):
    """Each step has a deadline by default, so that a call needs none of its own: see decision 0021."""
    redis, statements = CALLS[name]
    one_reply, one_visit, one_turn = (
        Settings.model_fields[each].default.total_seconds()
        for each in ("redis_timeout", "database_timeout", "hashing_queue_timeout")
    )
    hashes = HASHES.get(name, 0)
    longest = redis * 2 * one_reply + statements * one_visit + hashes * one_turn  # each may have to connect
    assert longest - hashes * one_turn < 4
    assert longest < 10 or (name == "POST /user/password" and longest < 15)


async def test_garbage_costs_nothing(service, redis, database):
    login = await service.sign_up()
    with counting(redis, database) as spent:
        for token in ("rt1_garbage", login.access_token, login.refresh_token[:-1] + "!"):
            assert (await service.try_refresh(token)).status_code == 401
            sent = {"Authorization": f"Bearer {token}x"}
            assert (await service.client.get("/user", headers=sent)).status_code == 401
    assert spent == Spent()
