"""Templates become pages, each under the Content-Security-Policy that it needs."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from authsvc import __version__

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The policy of pages: no script at all."""

DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
)
"""The policy of the API docs: Swagger UI sets style attributes and draws its icons from data: addresses."""


class Renderer:
    """Fills in the templates, all of which are loaded when it is made."""

    def __init__(self, *, docs_enabled: bool) -> None:
        self._templates = _load_templates()
        self._everywhere = {"version": __version__, "docs_enabled": docs_enabled, "here": ""}

    def __call__(self, template: str, policy: str = PAGE_POLICY, **values: Any) -> HTMLResponse:
        """Return the page, to be shown under ``policy``."""
        page = self._templates[template].render(self._everywhere | values)
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})


@cache
def _load_templates() -> Mapping[str, Template]:
    environment = Environment(
        loader=PackageLoader("authsvc.pages"),
        autoescape=True,
        auto_reload=False,  # to look at the file before each use would block
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return {name: environment.get_template(name) for name in environment.list_templates()}
