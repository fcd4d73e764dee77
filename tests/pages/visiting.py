"""A small application with the pages alone, and a reader of what they consist of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from authsvc import problems
from authsvc.api.middleware import FrontDesk
from authsvc.flows.check_health import CheckHealth, Probe
from authsvc.kit.outage import Outage
from authsvc.pages.routes import router

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}


async def well() -> str:
    return "ok"


async def gone() -> str:
    raise Outage("redis")


async def outdated() -> str:
    return "schema_outdated"


async def read_only() -> str:
    return "read_only"


async def hostile() -> str:
    return "<script>alert(1)</script>"


def visitor(probes: Mapping[str, Probe], *, docs_enabled: bool = True) -> AsyncClient:
    app = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_middleware(FrontDesk)
    problems.install(app)
    check_health = CheckHealth(probes, lambda: datetime(2026, 3, 1, tzinfo=UTC))
    pages = router(check_health, public_url="https://auth.example/sub", docs_enabled=docs_enabled)
    app.include_router(pages)
    return AsyncClient(transport=ASGITransport(app), base_url="https://auth.example")


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: list[str] = field(default_factory=list)


class Markup(HTMLParser):
    """The elements of a page in their order; an element's text is what follows before the next tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.elements[-1].text.append(data)

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def addresses(self) -> set[str]:
        named = (
            element.attributes.get(name) for element in self.elements for name in ("src", "href", "action")
        )
        return {address for address in named if address is not None}
