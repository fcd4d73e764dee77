"""The API as a client uses it, so that tests read like what happens."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

PASSWORD = "a lantern over quiet water"
NEW_PASSWORD = "seven herons at first light"


@dataclass(frozen=True)
class Login:
    """A client that is signed in."""

    access_token: str
    refresh_token: str
    session_id: UUID

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}


class Service:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def register(self, username: str = "ada", password: str = PASSWORD, **more: Any) -> httpx.Response:
        return await self.client.post("/register", json={"username": username, "password": password, **more})

    async def try_login(
        self, username: str = "ada", password: str = PASSWORD, *, device: str | None = None
    ) -> httpx.Response:
        headers = {} if device is None else {"Device-Token": device}
        body = {"username": username, "password": password}
        return await self.client.post("/login", json=body, headers=headers)

    async def log_in(self, username: str = "ada", password: str = PASSWORD) -> Login:
        return tokens_of(await self.try_login(username, password))

    async def sign_up(self, username: str = "ada", password: str = PASSWORD) -> Login:
        assert (await self.register(username, password)).status_code == 201
        return await self.log_in(username, password)

    async def try_refresh(self, refresh_token: str) -> httpx.Response:
        return await self.client.post("/refresh_jwt", json={"refresh_token": refresh_token})

    async def refresh(self, login: Login) -> Login:
        return tokens_of(await self.try_refresh(login.refresh_token))

    async def log_out(self, login: Login, scope: str | None = None) -> httpx.Response:
        body = {} if scope is None else {"scope": scope}
        return await self.client.post("/logout", json=body, headers=login.bearer)

    async def user(self, login: Login) -> httpx.Response:
        return await self.client.get("/user", headers=login.bearer)

    async def shows_user(self, login: Login) -> bool:
        return (await self.user(login)).status_code == 200

    async def is_alive(self, login: Login) -> bool:
        """Tell whether the session lives, by the access token and by the refresh token alike."""
        by_access = (await self.user(login)).status_code
        by_refresh = (await self.try_refresh(login.refresh_token)).status_code
        assert by_access == by_refresh, (by_access, by_refresh)
        return by_access == 200


def tokens_of(response: httpx.Response) -> Login:
    assert response.status_code == 200, response.text
    pair = response.json()
    return Login(pair["access_token"], pair["refresh_token"], UUID(pair["session_id"]))


def code_of(response: httpx.Response) -> str:
    """Return the code of a problem; the response must be a well-formed one."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"] == f"/problems/{problem['code']}"
    return str(problem["code"])
