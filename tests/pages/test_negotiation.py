import pytest

from authsvc.pages.negotiation import prefers_html


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "TEXT/HTML",
        "text/*",
        "text/html, */*;q=0.8",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json;q=0.5, text/html",
        "application/json;q=0, */*;q=0.1, application/problem+json;q=0",
        "text/html ; q=0.2 , application/json; q=0.1",
        "text/html;charset=utf-8",
        "text/html;q=0.1, text/html;q=0.9, application/json;q=0.5",
    ],
)
def test_a_page_where_html_ranks_above_json(accept: str):
    assert prefers_html(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "application/problem+json",
        "application/*",
        "image/png",
        "text/html, application/json",
        "text/html, */*",
        "text/html;q=0.9, application/problem+json",
        "text/html;q=0.5, */*;q=0.8",
        "text/html;q=0",
        "text/html;q=0, text/*",
        "text/html;q=nan",
        "text/html;q=1e9",
        "text/html;q=2, application/json;q=0.1",
        "text/html;q=-1",
        "text/html;q=",
        ",;,q=1;,",
        "application/json, text/plain, */*",
    ],
)
def test_json_otherwise(accept: str):
    assert not prefers_html(accept)
