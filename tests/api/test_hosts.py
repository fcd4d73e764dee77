"""By which names the service may be called."""

import httpx
import pytest
from tests.api.asking import BODIES, BODYLESS
from tests.support.service import code_of

from authsvc.api.hosts import Hosts
from authsvc.api.middleware import PROTECTION
from authsvc.settings import Settings

pytestmark = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")

OWN = (
    "localhost",
    "localhost:8000",
    "127.0.0.1",
    "127.0.0.1:1",
    "[::1]",
    "[::1]:8000",
    "LocalHost",
    "authsvc.test",
)
OTHERS = (
    "evil.example", "localhost.evil.example", "evil-localhost", "xlocalhost", "10.1.2.3", "[::2]",
    "127.0.0.2", "0x7f.1", "2130706433", "localhost..", "example.com:443",
)  # fmt: skip
NO_HOSTS = (
    "", "a?b", "a/b", "a#b", "localhost/", "localhost?x", "x@localhost", "localhost@x", "localhost:x",
    "localhost:-1", "localhost:123456", "localhost:1:2", "[::1", "::1", "local host", "localhost,localhost",
    "localhost\\x", "*", "%6c",
)  # fmt: skip


@pytest.mark.parametrize("host", OWN)
async def test_it_answers_to_its_names_with_any_port(client, host):
    answer = await client.get("/user", headers={"Host": host})
    assert (answer.status_code, code_of(answer)) == (401, "not_authenticated")


# A035, A094
@pytest.mark.parametrize("host", OTHERS)
async def test_another_name_is_refused_on_every_path(client, host):
    for path in ("/user", "/user/", "/sessions", "/nothing", "/", "/docs", "/refresh_jwt"):
        answer = await client.get(path, headers={"Host": host, "X-Forwarded-Host": "localhost"})
        assert (answer.status_code, code_of(answer)) == (421, "misdirected")
        assert "location" not in answer.headers
        assert host not in answer.text


# A094
@pytest.mark.parametrize("host", NO_HOSTS)
async def test_what_is_no_host_is_refused(client, host):
    answer = await client.get("/user", headers={"Host": host})
    assert (answer.status_code, code_of(answer)) == (400, "invalid_host")


# A094
async def test_two_hosts_or_none_are_refused_also_if_both_are_right(client):
    headers = [("Host", "localhost"), ("Host", "localhost")]
    answer = await client.get("/user", headers=headers)
    assert (answer.status_code, code_of(answer)) == (400, "invalid_host")
    request = client.build_request("GET", "/user")
    del request.headers["Host"]
    answer = await client.send(request)
    assert (answer.status_code, code_of(answer)) == (400, "invalid_host")


# A086, A089
async def test_a_refusal_carries_what_all_answers_carry(client):
    answer = await client.get("/user", headers={"Host": "evil.example"})
    assert set(PROTECTION) <= {name.title() for name in answer.headers} | {"X-Content-Type-Options"}
    assert answer.json()["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_health_is_told_under_any_name(client, path):
    for host in ("10.1.2.3:8000", "evil.example", ""):
        assert (await client.get(path, headers={"Host": host})).status_code == 200


async def test_a_wrong_host_changes_nothing(client, service):
    login = await service.sign_up()
    for method, path in (*BODYLESS, *BODIES):
        answer = await client.request(
            method, path, json=BODIES.get((method, path)), headers=login.bearer | {"Host": "evil.example"}
        )
        assert answer.status_code == 421
    assert await service.is_alive(login)


# A094
@pytest.mark.parametrize("path", ["/user/", "/user//", "/sessions/"])
async def test_nothing_is_redirected(client, path):
    answer = await client.get(path)
    assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert "location" not in answer.headers


class TestSettings:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        changed = {
            "public_url": "https://auth.example.com:8443/sub",
            "allowed_hosts": ("10.0.0.7", "[2001:db8::1]"),
        }
        return settings.model_copy(update=changed)

    async def test_the_public_name_and_the_allowed_ones_count(self, client: httpx.AsyncClient):
        for host in (
            "auth.example.com",
            "auth.example.com:8443",
            "10.0.0.7:80",
            "[2001:db8::1]",
            "[2001:db8::1]:1",
        ):
            assert (await client.get("/user", headers={"Host": host})).status_code == 401, host
        for host in ("authsvc.test", "sub.auth.example.com", "example.com", "[2001:db8::2]"):
            assert (await client.get("/user", headers={"Host": host})).status_code == 421, host


def test_names_are_compared_in_their_canonical_form(stores):
    hosts = Hosts.of("https://Bücher.example./x", [])
    assert hosts.admits([(b"host", b"xn--bcher-kva.example")])
    assert hosts.admits([(b"host", b"XN--BCHER-KVA.EXAMPLE.:443")])
