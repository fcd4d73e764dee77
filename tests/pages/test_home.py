from blockbuster import blockbuster_ctx
from httpx import AsyncClient
from tests.pages.visiting import Markup

from authsvc.cli.welcome import WALK
from authsvc.pages.example import example


def states(page: str) -> list[str]:
    """What the page says of each dependency: "name: state"."""
    told = [
        " ".join("".join(element.text).split())
        for element in Markup(page[page.index('class="states"') :].partition("</ul>")[0]).all("span")
    ]
    names, words = told[0::3], told[2::3]  # name, state, dot: the word follows the dot
    return [f"{name}: {word}" for name, word in zip(names, words, strict=True)]


async def test_home_says_that_all_is_well(client: AsyncClient):
    page = (await client.get("/")).text
    assert states(page) == ["database: ok", "redis: ok"]
    assert "Ready: " in page
    assert "Not ready" not in page


async def test_home_says_what_is_down_and_still_answers(client_in_trouble: AsyncClient):
    answer = await client_in_trouble.get("/")
    assert answer.status_code == 200
    assert states(answer.text) == ["database: schema outdated", "redis: down", "signing keys: ok"]
    assert "Not ready: " in answer.text


async def test_home_says_what_takes_no_writes(client_without_writes: AsyncClient):
    page = (await client_without_writes.get("/")).text
    assert states(page) == ["database: read only", "redis: ok"]
    assert "Degraded: " in page
    assert "Not ready" not in page


async def test_what_a_probe_says_is_text_and_never_markup(client_of_a_hostile_probe: AsyncClient):
    page = (await client_of_a_hostile_probe.get("/")).text
    assert not Markup(page).all("script")
    assert "&lt;script&gt;" in page


async def test_home_leads_to_everything_else(client: AsyncClient):
    paths = Markup((await client.get("/")).text).addresses()
    assert paths >= {"/docs", "/openapi.json", "/problems", "/readyz", "/livez", "/.well-known/jwks.json"}


async def test_home_does_not_mention_api_docs_that_are_switched_off(client_without_docs: AsyncClient):  # A099
    paths = Markup((await client_without_docs.get("/")).text).addresses()
    assert paths >= {"/problems", "/readyz"}
    assert not paths & {"/docs", "/openapi.json"}


async def test_the_example_arrives_as_it_is_to_be_typed(client: AsyncClient):
    (code,) = [
        text
        for element in Markup((await client.get("/")).text).all("code")
        if "curl" in (text := "".join(element.text))
    ]
    assert code.startswith("url=https://auth.example/sub\n")
    assert """ada='{"username": "ada", "password": """ in code
    paths = ["/register", "/login", "/user"]
    assert [path for path in paths if f"$url{path} " in code] == paths
    assert WALK.format(url="https://auth.example/sub").startswith(code.rstrip())


def test_an_address_cannot_become_a_command():
    assert example("http://x/$(reboot)").startswith("url='http://x/$(reboot)'\n")


async def test_pages_are_made_without_blocking_the_event_loop(client: AsyncClient):
    with blockbuster_ctx():
        for path in ("/", "/problems", "/problems/not_found", "/docs", "/static/site.css"):
            assert (await client.get(path, headers={"Accept": "text/html"})).status_code == 200
