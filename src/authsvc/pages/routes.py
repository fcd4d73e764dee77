"""/, /problems, /docs, /static."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from authsvc.errors import PathNotFound, ProblemNotFound
from authsvc.flows.check_health import CheckHealth
from authsvc.pages.example import example
from authsvc.pages.negotiation import prefers_html
from authsvc.pages.problem_views import ProblemsView, ProblemView, problem_view
from authsvc.pages.renderer import DOCS_POLICY, Renderer
from authsvc.pages.static_files import StaticFile, docs_files, site_files
from authsvc.problems import catalogue, responses

_API_LINKS = (
    ("/docs", "API docs", "Read about every call, and try it in the browser."),
    ("/openapi.json", "OpenAPI", "The same for programs: generate a client from it."),
)
_LINKS = (
    ("/problems", "Problems", "Every error code, what it means and what to do."),
    ("/readyz", "Readiness", "Whether requests can be served, for load balancers."),
    ("/livez", "Liveness", "Whether the process runs, for what restarts it."),
    ("/.well-known/jwks.json", "Keys", "The public keys that verify access tokens."),
)


def router(check_health: CheckHealth, *, public_url: str, docs_enabled: bool) -> APIRouter:
    """Return the pages; those about the API only where ``docs_enabled``. Reads files: call it once.

    ``public_url`` is where clients reach the service.
    """
    routes = APIRouter()
    render = Renderer(docs_enabled=docs_enabled)
    _serve_files(routes, "/static", site_files())
    _serve_problems(routes, render)
    typed = example(public_url)

    @routes.get("/", include_in_schema=False)
    async def home() -> Response:
        links = (*_API_LINKS, *_LINKS) if docs_enabled else _LINKS
        health = await check_health()
        return render("home.html", here="home", health=health, links=links, example=typed)

    if docs_enabled:
        _serve_files(routes, "/docs", docs_files())

        @routes.get("/docs", include_in_schema=False)
        async def docs() -> Response:
            return render("docs.html", DOCS_POLICY)

    return routes


def _serve_problems(routes: APIRouter, render: Renderer) -> None:
    views = {code: problem_view(kind) for code, kind in catalogue().items()}
    listed = ProblemsView(problems=list(views.values()))
    page_too: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}}}

    def tell(request: Request, view: BaseModel, template: str, **values: Any) -> Response:
        if prefers_html(", ".join(request.headers.getlist("accept"))):
            response: Response = render(template, here="problems", **values)
        else:
            response = JSONResponse(view.model_dump())
        response.headers["Vary"] = "Accept"
        return response

    @routes.get("/problems", tags=["problems"], response_model=ProblemsView, responses=page_too)
    async def problems(request: Request) -> Response:
        """List every problem that this service tells; as a page where text/html is preferred."""
        return tell(request, listed, "problems.html", problems=listed.problems)

    @routes.get(
        "/problems/{code}",
        tags=["problems"],
        response_model=ProblemView,
        responses=page_too | responses(ProblemNotFound),
    )
    async def problem(code: str, request: Request) -> Response:
        """Explain one problem; as a page where text/html is preferred."""
        if code not in views:
            raise ProblemNotFound
        return tell(request, views[code], "problem.html", problem=views[code])


def _serve_files(routes: APIRouter, folder: str, table: Mapping[str, StaticFile]) -> None:
    @routes.get(f"{folder}/{{name}}", include_in_schema=False)
    async def file(name: str, request: Request) -> Response:
        if name not in table:
            raise PathNotFound
        return table[name].answer(request)
