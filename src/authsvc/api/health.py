"""/livez, /readyz."""

from typing import Final, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from authsvc.flows.check_health import CheckHealth, Status

WITHDRAW: Final = "authsvc.withdraw"
"""What the server calls when it is told to stop, by its name in the state of ASGI's lifespan."""


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether the service can do its work, and what it waits for."""

    status: Status
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
        """Tell whether requests should be sent here: 200, or 503 with what is missing, or while it stops.

        With a store that takes no writes it is 200, `degraded`: who is signed in can be recognised.
        """
        health = await check_health()
        if not health.ready:
            response.status_code = 503
        return Readiness(status=health.status, dependencies=dict(health.states))

    return routes
