import pytest
from httpx import AsyncClient
from tests.pages.visiting import BROWSER, Markup

from authsvc.pages.advice import ADVICE
from authsvc.problems import catalogue, status_of

CODES = sorted(catalogue())


def test_there_is_advice_for_every_code_and_for_no_other():
    assert sorted(ADVICE) == CODES
    for advice in ADVICE.values():
        assert advice.meaning.endswith(".")
        assert advice.remedy.endswith(".")


@pytest.mark.parametrize("code", CODES)
async def test_a_problem_is_explained_as_json(client: AsyncClient, code: str):  # A086
    kind = catalogue()[code]
    answer = await client.get(f"/problems/{code}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "Accept"
    assert answer.json() == {
        "type": f"/problems/{code}",
        "code": code,
        "status": status_of(kind),
        "title": kind.title,
        "meaning": ADVICE[code].meaning,
        "remedy": ADVICE[code].remedy,
    }


@pytest.mark.parametrize("code", CODES)
async def test_a_problem_is_explained_as_a_page(client: AsyncClient, code: str):
    answer = await client.get(f"/problems/{code}", headers=BROWSER)
    assert answer.headers["vary"] == "Accept"
    markup = Markup(answer.text)
    text = " ".join(" ".join(part for element in markup.elements for part in element.text).split())
    kind = catalogue()[code]
    for told in (code, str(status_of(kind).value), kind.title, ADVICE[code].meaning, ADVICE[code].remedy):
        assert told in text


async def test_the_catalogue_lists_every_problem_in_both_forms(client: AsyncClient):
    listed = await client.get("/problems")
    assert listed.headers["vary"] == "Accept"
    assert [problem["code"] for problem in listed.json()["problems"]] == list(catalogue())
    page = await client.get("/problems", headers=BROWSER)
    assert page.headers["vary"] == "Accept"
    assert Markup(page.text).addresses() >= {f"/problems/{code}" for code in CODES}


@pytest.mark.parametrize("headers", [{}, BROWSER])
@pytest.mark.parametrize("code", ["unknown", "INVALID_TOKEN", "..%2Fdocs", "%00", "<script>"])
async def test_an_unknown_code_is_told_as_a_problem(client: AsyncClient, headers: dict[str, str], code: str):
    answer = await client.get(f"/problems/{code}", headers=headers)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in {"problem_not_found", "not_found"}  # a decoded slash is another path
    assert "script" not in answer.text


async def test_the_code_of_an_unknown_problem_is_in_the_catalogue(client: AsyncClient):
    told = (await client.get("/problems/unknown")).json()
    assert told["code"] == "problem_not_found"
    assert (await client.get(told["type"])).status_code == 200


async def test_two_accept_headers_count_as_one(client: AsyncClient):
    headers = [("Accept", "application/json;q=0.5"), ("Accept", "text/html")]
    answer = await client.get("/problems", headers=headers)
    assert answer.headers["content-type"].startswith("text/html")
