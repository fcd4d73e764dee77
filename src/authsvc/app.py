"""The front hall: builds the application, opens it, keeps house, and closes it."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from authsvc import __version__, problems
from authsvc.api import health, sessions, users, wellknown
from authsvc.api.deps import Authenticated
from authsvc.api.devices import DeviceCookie
from authsvc.api.entrance import GuardedService
from authsvc.api.express import express_answers
from authsvc.api.hosts import Hosts
from authsvc.api.middleware import FrontDesk
from authsvc.api.quotas import QuotaPolicies, quota_policies
from authsvc.api.refusals import Refusals
from authsvc.environment import load
from authsvc.flows.maintain import Maintain
from authsvc.kit.clock import Clock, utc_now
from authsvc.kit.database import Database, DatabaseLimits
from authsvc.kit.logs import configure_logs
from authsvc.kit.outage import Outage, reason
from authsvc.kit.redis import RedisClient
from authsvc.pages import routes as pages
from authsvc.settings import Settings
from authsvc.wiring import Flows, wire

_log = structlog.get_logger(__name__)

_RETRY = timedelta(seconds=1)


def from_environment() -> FastAPI:
    """Return the application as the environment describes it: what the server's workers call."""
    settings = load()
    settings.refuse_insecure_stores()
    configure_logs(settings.log_level, settings.log_format)
    app = create_app(settings)
    _spare_what_stays()
    return app


def _spare_what_stays() -> None:
    """Keep the garbage collector off all that lives as long as the process, and let it run less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


Clients = tuple[Database, RedisClient]


def connect(settings: Settings) -> Clients:
    """Return clients of the database and of Redis; both connect when they are first used."""
    database = Database(
        settings.database_url.get_secret_value(),
        DatabaseLimits.within(
            settings.database_timeout.total_seconds(), pool_size=settings.database_connections
        ),
    )
    redis = RedisClient.connect(
        settings.redis_url.get_secret_value(),
        timeout=settings.redis_timeout.total_seconds(),
        max_connections=settings.redis_connections,
    )
    return database, redis


def create_app(
    settings: Settings,
    *,
    clients: Clients | None = None,
    clock: Clock = utc_now,
) -> FastAPI:
    """Build the application. It starts even while what it depends on is down, and heals by itself.

    ``clients`` and ``clock`` are for tests; who hands in clients closes them.
    """
    database, redis = clients or connect(settings)
    flows = wire(settings, database, redis, clock)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        with contextlib.suppress(Outage):  # connect to Redis before somebody waits for it
            await redis.facts("server")
        housekeeping = await _begin_housekeeping(flows)
        try:
            yield {health.WITHDRAW: flows.check_health.withdraw}
        finally:
            housekeeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await housekeeping
            flows.hasher.close()
            if clients is None:
                await redis.close()
                await database.close()

    app = GuardedService(
        Hosts.of(settings.public_url, settings.allowed_hosts),
        settings.cors_origins,
        logged=settings.request_log,
        title="authsvc",
        version=__version__,
        summary="Self-hosted authentication: users, sessions, tokens.",
        lifespan=lifespan,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would trust the Host header
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=lambda route: route.name,
    )
    policies = quota_policies(flows.rules)
    app.refusals = Refusals(policies)
    app.add_middleware(QuotaPolicies, policies=policies)
    app.add_middleware(FrontDesk)
    problems.install(app)
    _open_doors(app, settings, flows, clock)
    app.express = express_answers(
        flows.show_user, flows.refresh, flows.log_in, flows.hasher, _device_cookie(settings), policies
    )
    _describe(app)
    return app


def _open_doors(app: FastAPI, settings: Settings, flows: Flows, clock: Clock) -> None:
    caller = Authenticated(flows.authenticate)
    cookie = _device_cookie(settings)
    app.include_router(
        users.router(
            flows.register,
            flows.show_user,
            flows.update_user,
            flows.change_password,
            flows.delete_user,
            caller,
            cookie,
        )
    )
    app.include_router(
        sessions.router(
            flows.log_in, flows.refresh, flows.log_out, flows.list_sessions, flows.end_session, caller, cookie
        )
    )
    app.include_router(wellknown.router(flows.key_ring, flows.key_schedule, clock))
    app.include_router(health.router(flows.check_health))
    app.include_router(
        pages.router(flows.check_health, public_url=settings.public_url, docs_enabled=settings.docs_enabled)
    )


def _device_cookie(settings: Settings) -> DeviceCookie:
    return DeviceCookie(settings.public_url.startswith("https://"), settings.device_ttl)


def _describe(app: FastAPI) -> None:
    """Add to the OpenAPI document what every problem looks like; take out FastAPI's own idea of it."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, summary=app.summary, routes=app.routes
            )
            schemas = document["components"]["schemas"]
            schemas |= problems.schemas()
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            for path in document["paths"].values():
                for operation in path.values():
                    if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                        del operation["responses"]["422"]  # a path parameter of ours takes any text
                    operation["responses"] |= problems.other_responses()
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


async def _begin_housekeeping(flows: Flows) -> asyncio.Task[None]:
    """Do it once now, tolerating an outage; then again and again."""
    known = await _maintain(flows.maintain)
    pause = flows.key_schedule.poll_interval

    async def keep_house() -> None:
        done = known
        while True:
            await asyncio.sleep((pause if done else _RETRY).total_seconds())
            try:
                done = await _maintain(flows.maintain)
            except Exception:
                _log.exception("housekeeping_failed")
                done = False

    return asyncio.create_task(keep_house())


async def _maintain(maintain: Maintain) -> bool:
    try:
        await maintain()
    except Outage as outage:
        _log.error("housekeeping_postponed", dependency=outage.dependency, cause=reason(outage))
        return False
    return True
