import pytest
from httpx import AsyncClient

FILES = {
    "/static/site.css": "text/css; charset=utf-8",
    "/static/logo.svg": "image/svg+xml",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/start.js": "text/javascript; charset=utf-8",
    "/docs/favicon-32x32.png": "image/png",
}


@pytest.mark.parametrize(("path", "media_type"), FILES.items())
async def test_a_file_may_be_kept_and_asked_about(client: AsyncClient, path: str, media_type: str):
    first = await client.get(path)
    assert first.status_code == 200
    assert first.content
    assert first.headers["content-type"] == media_type
    assert first.headers["cache-control"] == "public, max-age=3600"
    again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "public, max-age=3600"


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [
        ("{etag}", 304),
        ("W/{etag}", 304),
        ('"other", {etag}', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
    ],
)
async def test_304_only_for_whoever_has_the_file(client: AsyncClient, if_none_match: str, status: int):
    etag = (await client.get("/static/site.css")).headers["etag"]
    headers = {"If-None-Match": if_none_match.format(etag=etag)}
    assert (await client.get("/static/site.css", headers=headers)).status_code == status


async def test_different_files_have_different_etags(client: AsyncClient):
    etags = {(await client.get(path)).headers["etag"] for path in FILES}
    assert len(etags) == len(FILES)


@pytest.mark.parametrize("folder", ["/static", "/docs"])
@pytest.mark.parametrize(
    "name",
    [
        "",
        "none.css",
        "../routes.py",
        "..%2Froutes.py",
        "%2e%2e/routes.py",
        "..\\routes.py",
        "site.css/",
        "%00",
    ],
)
async def test_nothing_but_the_table_is_served(client: AsyncClient, folder: str, name: str):
    answer = await client.get(f"{folder}/{name}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["/docs", *(path for path in FILES if path.startswith("/docs/"))])
async def test_api_docs_that_are_switched_off_are_not_there(
    client_without_docs: AsyncClient, path: str
):  # A099
    assert (await client_without_docs.get("/static/site.css")).status_code == 200
    answer = await client_without_docs.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_the_logo_runs_nothing_and_loads_nothing(client: AsyncClient):
    logo = (await client.get("/static/logo.svg")).text
    assert logo.startswith("<svg")
    assert not [
        word for word in ("<script", "<style", "style=", " on", "href", "data:", "<image") if word in logo
    ]
    assert logo.count("http") == 1  # the namespace
