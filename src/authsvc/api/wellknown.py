"""/.well-known/*."""

from typing import Any

from fastapi import APIRouter, Request, Response

from authsvc import errors
from authsvc.kit.clock import Clock
from authsvc.problems import responses
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.key_schedule import KeySchedule

_JWKS: dict[int | str, dict[str, Any]] = {
    200: {"description": "A JWK Set", "content": {"application/json": {"schema": {"type": "object"}}}},
    304: {"description": "Not modified"},
}


def router(key_ring: KeyRing, key_schedule: KeySchedule, clock: Clock) -> APIRouter:
    """Return the routes under /.well-known."""
    max_age = int(key_schedule.jwks_max_age.total_seconds())
    routes = APIRouter(tags=["discovery"])

    @routes.get(
        "/.well-known/jwks.json",
        response_class=Response,
        responses=_JWKS | responses(errors.ServiceUnavailable),
    )
    async def jwks(request: Request) -> Response:
        """Publish the keys that access tokens can be verified with (RFC 7517)."""
        published = key_ring.jwks(clock())
        headers = {"Cache-Control": f"public, max-age={max_age}", "ETag": published.etag}
        if request.headers.get("if-none-match") == published.etag:
            return Response(status_code=304, headers=headers)
        return Response(published.body, headers=headers, media_type="application/json")

    return routes
