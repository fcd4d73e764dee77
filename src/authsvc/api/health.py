"""/livez, /readyz."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from authsvc.flows.check_health import CheckHealth


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether the service can do its work, and what it waits for."""

    status: Literal["ok", "unavailable"]
    dependencies: dict[str, str]


def router(check_health: CheckHealth) -> APIRouter:
    """Return the probes."""
    routes = APIRouter(tags=["health"])

    @routes.get("/livez")
    async def livez() -> Liveness:
        """Tell that the process runs; asks nothing else."""
        return Liveness()

    @routes.get("/readyz", responses={503: {"model": Readiness}})
    async def readyz(response: Response) -> Readiness:
        """Tell whether requests can be served: 200, or 503 with what is missing."""
        health = await check_health()
        if not health.ready:
            response.status_code = 503
        return Readiness(status="ok" if health.ready else "unavailable", dependencies=dict(health.states))

    return routes
