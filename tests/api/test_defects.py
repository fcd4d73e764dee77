"""A defect in any layer: told as 500 and no more, logged without what the request held, and over at once."""

import json

import httpx
import pytest
from sqlalchemy import text
from tests.support.service import Login, code_of
from tests.support.stores import kind_of

from authsvc.api import bodies
from authsvc.flows.log_in import LogIn
from authsvc.flows.refresh import Refresh
from authsvc.flows.show_user import ShowUser
from authsvc.kit.logs import configure_logs
from authsvc.passwords.hasher import PasswordHasher
from authsvc.sessions.refresh_token import RefreshTokenSigner
from authsvc.sessions.store import SessionStore
from authsvc.throttle.store import ThrottleStore
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.users.store import UserStore

CANARY = "zq9canary harbour 7xk"
LAYERS = (
    (bodies, "parse_json"), (LogIn, "__call__"), (Refresh, "__call__"), (ShowUser, "__call__"),
    (ThrottleStore, "reserve"), (UserStore, "find_by_login"), (PasswordHasher, "verify"),
    (SessionStore, "start"), (SessionStore, "rotate"), (SessionStore, "look_up"),
    (AccessTokenIssuer, "issue"),
    (AccessTokenIssuer, "verify"), (RefreshTokenSigner, "verify"), (RefreshTokenSigner, "sign"),
)  # fmt: skip


async def ask_all(client, login: Login) -> list[httpx.Response]:
    """One call by each road, with secrets in all of them."""
    return [
        await client.post("/login", json={"username": "ada", "password": CANARY}),
        await client.post("/refresh_jwt", json={"refresh_token": login.refresh_token}),
        await client.get("/user", headers=login.bearer),
    ]


# A101, A104
@pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")
@pytest.mark.parametrize(("place", "name"), LAYERS, ids=lambda part: getattr(part, "__name__", part))
async def test_a_defect_is_told_without_what_it_was_about(client, service, monkeypatch, capsys, place, name):
    await service.register(password=CANARY)
    login = await service.log_in(password=CANARY)
    configure_logs("debug", "json")

    def broken(*_held, **_here):  # the variables of this frame hold what was given
        raise RuntimeError("a defect")

    monkeypatch.setattr(place, name, broken)
    answers = await ask_all(client, login)
    monkeypatch.undo()
    told = [answer for answer in answers if answer.status_code == 500]
    assert told
    for answer in told:
        assert code_of(answer) == "internal_error"
        assert set(answer.json()) == {"type", "title", "status", "code", "instance"}
    written = capsys.readouterr().out
    lines = [json.loads(line) for line in written.splitlines()]
    defects = [line for line in lines if line["event"] == "defect"]
    ids = {answer.headers["x-request-id"] for answer in told}
    assert {line["request_id"] for line in defects} == ids
    assert all("a defect" in line["exception"] for line in defects)
    for secret in (CANARY, login.refresh_token, login.access_token, login.access_token.rpartition(".")[2]):
        assert secret not in written
        assert all(secret not in answer.text for answer in told)
    assert (await service.user(login)).status_code == 200


# A101
@pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")
async def test_a_statement_that_fails_is_logged_without_what_it_carried(client, service, database, capsys):
    login = await service.sign_up()
    configure_logs("debug", "json")

    async def rename(old: str, new: str) -> None:
        async with database.write() as connection:
            await connection.execute(text(f"ALTER TABLE users RENAME COLUMN {old} TO {new}"))

    await rename("name", "another_name")
    try:
        answers = [
            await service.register("grace", CANARY, name="zq9canary name", email="zq9canary@example.com"),
            await client.patch("/user", json={"name": "zq9canary name"}, headers=login.bearer),
            await service.try_login(),
        ]
    finally:
        await rename("another_name", "name")
    written = capsys.readouterr().out
    assert {answer.status_code for answer in answers} <= {500, 503}
    for secret in ("zq9canary", "argon2id", "INSERT", login.access_token):
        assert secret not in written
        assert all(secret not in answer.text for answer in answers)
    assert (await service.user(login)).status_code == 200


# A101
@pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")
async def test_a_key_of_another_type_is_logged_without_what_it_was_to_hold(client, service, redis, capsys):
    login = await service.sign_up()
    configure_logs("debug", "json")
    for name in await redis.execute("KEYS", "*"):
        if kind_of(name.decode()) not in {"session", "sessions"}:
            continue
        await redis.execute("DEL", name)
        await redis.execute("SET", name, "zq9canary", "PX", "60000")
    answers = [*await ask_all(client, login), await service.try_login()]
    written = capsys.readouterr().out
    assert {answer.status_code for answer in answers} & {500, 503}
    for secret in ("zq9canary", login.refresh_token, login.access_token):
        assert secret not in written
        assert all(secret not in answer.text for answer in answers)
