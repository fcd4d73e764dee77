"""How a device is known again: by a cookie, or by a header; and that it tells nobody anything."""

from http.cookies import Morsel, SimpleCookie

import httpx
import pytest
from tests.support.service import NEW_PASSWORD, PASSWORD

from authsvc.settings import Settings

pytestmark = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")

LOGIN = {"username": "ada", "password": PASSWORD}
WRONG = {"username": "ada", "password": "not the right password"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"attempts_per_account": 3, "attempts_per_account_and_address": 3})


def cookie_of(answer: httpx.Response) -> Morsel[str]:
    [morsel] = SimpleCookie(answer.headers["set-cookie"]).values()
    return morsel


async def shut_out(client: httpx.AsyncClient) -> None:
    """Use up what others may try."""
    for status in (401, 401, 401, 429):
        assert (await client.post("/login", json=WRONG)).status_code == status


# A026
async def test_a_browser_is_known_by_its_cookie(app, client, service):
    await service.register()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://authsvc.test") as browser:
        await browser.post("/login", json=LOGIN)
        await shut_out(client)
        assert (await browser.post("/login", json=LOGIN)).status_code == 200
        browser.cookies.clear()
        assert (await browser.post("/login", json=LOGIN)).status_code == 429


# A026
async def test_a_program_is_known_by_the_header(client, service):
    await service.register()
    token = (await service.try_login()).headers["device-token"]
    await shut_out(client)
    assert (await service.try_login(device=token)).status_code == 200
    assert (await service.try_login()).status_code == 429


# A026
async def test_a_log_out_leaves_the_device_known(client, service):
    await service.register()
    answer = await service.try_login()
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    logged_out = await client.post("/logout", headers=bearer)
    assert logged_out.status_code == 204
    assert "set-cookie" not in logged_out.headers
    await shut_out(client)
    assert (await service.try_login(device=answer.headers["device-token"])).status_code == 200


async def test_a_password_change_gives_a_new_token(client, service):
    login = await service.sign_up()
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    changed = await client.post("/user/password", json=body, headers=login.bearer)
    token = changed.headers["device-token"]
    assert cookie_of(changed).value == token
    await shut_out(client)
    assert (await service.try_login(password=NEW_PASSWORD, device=token)).status_code == 200


# A066
async def test_the_cookie_over_plain_http_is_for_this_site_and_not_for_scripts(service):
    await service.register()
    answer = await service.try_login()
    cookie = cookie_of(answer)
    assert (cookie.key, cookie.value) == ("authsvc_device", answer.headers["device-token"])
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "strict", "")
    assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", str(180 * 86400))


class TestOverTls:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"public_url": "https://auth.example.org/auth"})

    # A066
    async def test_the_cookie_belongs_to_this_host_and_is_never_sent_in_clear(self, client, service):
        await service.register()
        answer = await service.try_login()
        cookie = cookie_of(answer)
        assert cookie.key == "__Host-authsvc_device"
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
        await shut_out(client)
        for name, status in (("__Host-authsvc_device", 200), ("authsvc_device", 429)):
            headers = {"Cookie": f"{name}={cookie.value}"}
            assert (await client.post("/login", json=LOGIN, headers=headers)).status_code == status


async def test_it_authenticates_nobody(client, service):
    await service.register()
    token = (await service.try_login()).headers["device-token"]
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Cookie": f"authsvc_device={token}"},
        {"Device-Token": token},
    ):
        assert (await client.get("/user", headers=headers)).status_code == 401
    assert (await service.try_refresh(token)).status_code == 401
    assert (await client.post("/logout", json={"refresh_token": token})).status_code == 401


# A018
async def test_a_foreign_or_forged_token_changes_no_byte_of_an_answer(client, service):
    await service.register("ada")
    await service.register("mallory")
    foreign = (await service.try_login("mallory")).headers["device-token"]
    answers = [
        await service.try_login(name, NEW_PASSWORD, device=device)
        for name, device in (("ada", foreign), ("nobody", foreign), ("ada", "dt1_x"), ("nobody", None))
    ]
    told = [({**answer.json(), "instance": ""}, {**answer.headers, "x-request-id": ""}) for answer in answers]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert all(each == told[0] for each in told)
