"""What answers under which path and method, and what happens under any other."""

import pytest
from tests.support.service import code_of

from authsvc.settings import Settings

pytestmark = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")

PATHS = {
    "/register": {"POST"},
    "/login": {"POST"},
    "/refresh_jwt": {"POST"},
    "/logout": {"POST"},
    "/user": {"GET", "PATCH", "DELETE"},
    "/user/password": {"POST"},
    "/sessions": {"GET"},
    "/sessions/01234567-89ab-4cde-8f01-23456789abcd": {"DELETE"},
    "/.well-known/jwks.json": {"GET"},
    "/livez": {"GET"},
    "/readyz": {"GET"},
    "/problems": {"GET"},
    "/problems/not_found": {"GET"},
    "/": {"GET"},
    "/docs": {"GET"},
    "/openapi.json": {"GET", "HEAD"},
}
METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "X",
)
EVERY_PATH = pytest.mark.parametrize("path", PATHS)


# A091
@EVERY_PATH
async def test_a_path_takes_its_documented_methods_and_names_them(client, path):
    for method in METHODS:
        answer = await client.request(method, path, headers={"X-HTTP-Method-Override": "GET"})
        if method.upper() in PATHS[path]:  # the client writes methods in capitals
            assert answer.status_code not in {404, 405}
            continue
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == PATHS[path]
        if method != "HEAD":
            assert code_of(answer) == "method_not_allowed"


@EVERY_PATH
async def test_a_path_with_something_after_it_is_another_path(client, path):
    if path == "/":
        return
    for other in (f"{path}/", f"{path}//", f"{path}/x/y/z", f"{path}%00", f"{path};x"):
        answer = await client.get(other)
        assert answer.status_code in {404, 405}, other
        assert "location" not in answer.headers
        code_of(answer)


# A087, A099
@pytest.mark.parametrize(
    "path", ["/zq9canary", "/User", "/LOGIN", "/.env", "/redoc", "/metrics", "/docs/oauth2-redirect"]
)
async def test_an_unknown_path_is_not_found_and_not_repeated(client, path):
    answer = await client.get(path)
    assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert path.strip("/") not in answer.text


class TestWithoutDocs:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"docs_enabled": False})

    # A099
    async def test_nothing_describes_the_api(self, client):
        for path in ("/docs", "/openapi.json", "/redoc", "/docs/swagger-ui.css"):
            answer = await client.get(path)
            assert (answer.status_code, code_of(answer)) == (404, "not_found")


# A058
@pytest.mark.parametrize("session_id", ["x", "1", "%00", "\u202e", "..%2f", "0" * 5000, "{id}", "null"])
async def test_an_id_that_is_none_is_not_found(client, service, session_id):
    login = await service.sign_up()
    answer = await client.delete(f"/sessions/{session_id}", headers=login.bearer)
    assert (answer.status_code, answer.json()["code"]) in {(404, "session_not_found"), (404, "not_found")}
