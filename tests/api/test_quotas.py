"""What is told of the limits."""

import re

import pytest
from tests.support.service import NEW_PASSWORD, PASSWORD, code_of

from authsvc.settings import Settings

pytestmark = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")

PASSWORDS = (
    '"account";q=4;w=172800, "account_address";q=3;w=129600, "device";q=3;w=129600, "address";q=50;w=900, '
    '"login";q=20;w=900'
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "attempts_per_account": 4,
            "attempts_per_account_and_address": 3,
            "attempts_per_address": 50,
            "logins_per_account": 20,
            "registrations_per_address": 1,
        }
    )


async def test_whatever_is_answered_names_the_same_limits(client, service):
    registered = await service.register()
    answers = [
        await service.try_login(),
        await service.try_login(password=NEW_PASSWORD),
        await service.try_login("nobody"),
        await client.post("/login", content="garbage"),
        await client.post("/user/password", json={}),
        await client.request("DELETE", "/user", json={}),
    ]
    assert {answer.status_code for answer in answers} == {200, 401, 415}
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {PASSWORDS}
    assert registered.headers["ratelimit-policy"] == '"registration";q=1;w=900'


async def test_calls_that_do_not_count_name_none(client, service):
    login = await service.sign_up()
    for answer in (
        await service.user(login),
        await service.try_refresh(login.refresh_token),
        await client.patch("/user", json={"name": "Ada"}, headers=login.bearer),
        await client.get("/livez"),
    ):
        assert answer.is_success
        assert "ratelimit-policy" not in answer.headers
        assert "ratelimit" not in answer.headers


# A018
async def test_what_is_left_is_told_when_nothing_is_and_of_anybody_alike(client, service):
    await service.register()
    for name in ("ada", "nobody"):
        for _ in range(3):
            assert "ratelimit" not in (await service.try_login(name, NEW_PASSWORD)).headers
        refused = await service.try_login(name, PASSWORD)
        assert code_of(refused) == "too_many_attempts"
        assert refused.headers["ratelimit-policy"] == PASSWORDS
        told = re.fullmatch(r'"account_address";r=0;t=([0-9]+)', refused.headers["ratelimit"])
        assert told
        assert refused.headers["retry-after"] == told[1]
        assert 0 < int(told[1]) <= 60


async def test_a_registration_too_many_is_told_with_its_limit(service):
    await service.register()
    refused = await service.register("grace")
    assert refused.status_code == 429
    assert re.fullmatch(r'"registration";r=0;t=[0-9]+', refused.headers["ratelimit"])
