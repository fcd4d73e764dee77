"""What holds for each page: its headers, and that it stands on its own."""

import pytest
from httpx import AsyncClient
from tests.pages.visiting import BROWSER, Markup

PAGES = ["/", "/problems", "/problems/invalid_token", "/problems/weak_password"]
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.mark.parametrize("path", [*PAGES, "/docs"])
async def test_a_page_is_html_under_its_own_strict_policy(client: AsyncClient, path: str):
    answer = await client.get(path, headers=BROWSER)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = DOCS_POLICY if path == "/docs" else PAGE_POLICY
    assert answer.headers.get_list("content-security-policy") == [policy]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", [*PAGES, "/docs"])
async def test_nothing_in_a_page_is_inline_code_or_style(client: AsyncClient, path: str):
    elements = Markup((await client.get(path, headers=BROWSER)).text).elements
    assert elements
    for element in elements:
        assert element.tag not in {"style", "base", "iframe", "object", "embed"}
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]
        if element.tag == "script":
            assert element.attributes["src"]
            assert not "".join(element.text).strip()


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_without_need_has_no_script(client: AsyncClient, path: str):
    assert not Markup((await client.get(path, headers=BROWSER)).text).all("script")


@pytest.mark.parametrize("path", [*PAGES, "/docs"])
async def test_every_address_in_a_page_is_of_this_service(client: AsyncClient, path: str):
    addresses = Markup((await client.get(path, headers=BROWSER)).text).addresses()
    assert addresses
    assert not [address for address in addresses if ":" in address or address.startswith("//")]


@pytest.mark.parametrize("path", [*PAGES, "/docs"])
async def test_what_a_page_loads_is_served(client: AsyncClient, path: str):
    markup = Markup((await client.get(path, headers=BROWSER)).text)
    parts = [*markup.all("link"), *markup.all("script"), *markup.all("img")]
    assert parts
    for part in parts:
        address = part.attributes.get("src") or part.attributes.get("href") or ""
        assert (await client.get(f"/{address.removeprefix('/')}")).status_code == 200, address


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_can_be_read_aloud_and_on_a_phone(client: AsyncClient, path: str):
    markup = Markup((await client.get(path, headers=BROWSER)).text)
    assert markup.all("html")[0].attributes["lang"] == "en"
    assert "".join(markup.all("title")[0].text).strip()
    viewport = [meta for meta in markup.all("meta") if meta.attributes.get("name") == "viewport"]
    assert [meta.attributes["content"] for meta in viewport] == ["width=device-width, initial-scale=1"]
    for landmark in ("h1", "header", "nav", "main", "footer"):
        assert len(markup.all(landmark)) == 1, landmark
    assert all("alt" in image.attributes for image in markup.all("img"))
    skip = markup.all("a")[0].attributes["href"]
    assert skip == f"#{markup.all('main')[0].attributes['id']}"


async def test_a_page_takes_no_other_method(client: AsyncClient):
    answer = await client.post("/")
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
