"""Which other sites' pages may read an answer."""

import httpx
import pytest
from tests.api.asking import BODIES
from tests.support.faults import without_redis
from tests.support.service import code_of

from authsvc.api.middleware import PROTECTION
from authsvc.settings import Settings

pytestmark = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")

APP = "https://app.example.com"
OTHERS = (
    "https://evil.example", "null", "https://app.example.com.evil.example", "https://evilapp.example.com",
    "https://sub.app.example.com", "http://app.example.com", "https://app.example.com:444",
    "https://app.example.com:443", "https://app.example.com/", "https://APP.example.com", "https://app.example.com.",
    "*", "", "app.example.com", "https://example.com", "http://authsvc.test", f"{APP} {APP}", f"{APP}, {APP}",
)  # fmt: skip


def cors(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


# A090
@pytest.mark.parametrize("origin", [APP, "https://evil.example", "null", "http://authsvc.test"])
async def test_by_default_no_other_site_may(client, origin):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for method in ("OPTIONS", "GET", "POST"):
        for path in ("/login", "/user", "/refresh_jwt", "/nothing"):
            answer = await client.request(method, path, headers=asked)
            assert not cors(answer)
            assert "vary" not in answer.headers


class TestWithAListOfOrigins:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"cors_origins": (APP, "http://localhost:5173")})

    @pytest.mark.parametrize("origin", [APP, "http://localhost:5173"])
    async def test_a_listed_page_reads_every_answer(self, client, service, origin):
        login = await service.sign_up()
        page = {"Origin": origin}
        answers = [
            await client.get("/user", headers=page | login.bearer),
            await client.get("/user", headers=page),
            await client.post("/refresh_jwt", json={"refresh_token": login.refresh_token}, headers=page),
            await client.post("/refresh_jwt", json={"refresh_token": "rt1_x"}, headers=page),
            await client.post("/login", content=b"x" * 20_000, headers=page),
            await client.post("/login", content=b"x", headers=page),
            await client.get("/nothing", headers=page),
            await client.put("/user", headers=page),
            await client.get("/user", headers=page | {"Host": "evil.example"}),
            await client.get("/problems", headers=page),
        ]
        assert [answer.status_code for answer in answers] == [
            200,
            401,
            200,
            401,
            413,
            415,
            404,
            405,
            421,
            200,
        ]
        for answer in answers:
            assert cors(answer)["access-control-allow-origin"] == origin
            assert "access-control-allow-credentials" not in answer.headers
            assert "Retry-After" in answer.headers["access-control-expose-headers"]
            assert "Origin" in [name.strip() for name in answer.headers["vary"].split(",")]

    async def test_a_listed_page_reads_an_outage_too(self, client, service, redis):
        login = await service.sign_up()
        with without_redis(redis):
            answer = await client.get("/user", headers={"Origin": APP} | login.bearer)
        assert (answer.status_code, code_of(answer)) == (503, "service_unavailable")
        assert cors(answer)["access-control-allow-origin"] == APP

    # A090
    @pytest.mark.parametrize("origin", OTHERS)
    async def test_no_other_page_may_and_caches_know_it(self, client, origin):
        for method, path, more in (
            ("GET", "/user", {}),
            ("GET", "/problems", {}),
            ("OPTIONS", "/user", {"Access-Control-Request-Method": "GET"}),
            ("POST", "/login", {}),
        ):
            answer = await client.request(method, path, headers={"Origin": origin} | more)
            assert not cors(answer)
            assert "Origin" in answer.headers["vary"]
            assert answer.status_code == (405 if method == "OPTIONS" else answer.status_code)

    # A090
    async def test_two_origins_are_as_good_as_none(self, client):
        answer = await client.get("/user", headers=[("Origin", APP), ("Origin", APP)])
        assert not cors(answer)

    @pytest.mark.parametrize(("method", "path"), [*BODIES, ("GET", "/user"), ("GET", "/sessions")], ids=str)
    async def test_a_browser_is_told_that_it_may_ask(self, client, method, path):
        asked = {
            "Origin": APP,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        answer = await client.options(path, headers=asked)
        assert (answer.status_code, answer.content) == (204, b"")
        told = cors(answer)
        assert told["access-control-allow-origin"] == APP
        assert method in told["access-control-allow-methods"].split(", ")
        assert told["access-control-allow-headers"] == "Authorization, Content-Type, Device-Token"
        assert "access-control-allow-credentials" not in told
        assert answer.headers["vary"] == "Origin"
        assert all(name in answer.headers for name in PROTECTION)

    async def test_options_that_is_no_such_question_is_a_method_like_any_other(self, client):
        answer = await client.options("/user", headers={"Origin": APP})
        assert (answer.status_code, code_of(answer)) == (405, "method_not_allowed")
        answer = await client.options("/user", headers={"Access-Control-Request-Method": "GET"})
        assert (answer.status_code, code_of(answer)) == (405, "method_not_allowed")

    async def test_a_cache_keeps_pages_and_json_apart_too(self, client):
        answer = await client.get("/problems", headers={"Origin": APP})
        assert set(answer.headers["vary"].split(", ")) == {"Accept", "Origin"}
