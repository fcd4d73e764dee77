"""``authsvc serve``: the production start."""

import asyncio
import contextlib
import signal
import socket
import sys
from datetime import timedelta
from typing import Any

import structlog
import uvicorn

from authsvc.cli.listening import listening, local_url
from authsvc.cli.operate import open_flows
from authsvc.environment import load
from authsvc.kit.logs import configure_logs
from authsvc.kit.outage import Outage
from authsvc.migrations import pending
from authsvc.server.descriptors import allow_descriptors, descriptors_for
from authsvc.server.gate import Gate
from authsvc.server.stopping import OrderlyServer
from authsvc.server.workers import Workers
from authsvc.settings import Settings

_KEEP_ALIVE = timedelta(seconds=5)
_GRACE = timedelta(seconds=20)  # for requests under way, when the service is told to stop

_log = structlog.get_logger(__name__)


def server_options(settings: Settings, *, grace: timedelta = _GRACE) -> dict[str, Any]:
    """Return the options of uvicorn that development and production share."""
    return {
        "access_log": False,
        "date_header": True,
        "http": Gate(settings.max_connections),
        "forwarded_allow_ips": list(settings.trusted_proxies),
        "lifespan": "on",
        "log_config": None,
        "proxy_headers": bool(settings.trusted_proxies),
        "server_header": False,
        "timeout_graceful_shutdown": int(grace.total_seconds()),
        "timeout_keep_alive": int(_KEEP_ALIVE.total_seconds()),
        "ws": "none",
    }


def run_service() -> None:
    """Serve until a signal stops it; every worker reads the same environment."""
    settings = load()
    settings.refuse_insecure_stores()
    configure_logs(settings.log_level, settings.log_format)
    with listening(settings.host, settings.port) as listener:
        asyncio.run(check(settings))
        _make_room(settings)
        config = uvicorn.Config(
            "authsvc.app:from_environment",
            factory=True,
            workers=settings.workers,
            **server_options(settings),
        )
        # The server stops in order at SIGTERM and SIGINT, and then raises the signal again.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
        if settings.workers == 1:
            _Server(config, settings.shutdown_delay).run(sockets=[listener])
            return
        workers = _Workers(config, [listener], settings.shutdown_delay)
        workers.run()
        if workers.failed:
            sys.exit(1)


def _make_room(settings: Settings) -> None:
    """Let each process have as many descriptors as its connections need; warn where it may not."""
    wanted = descriptors_for(settings.max_connections, settings.database_connections)
    allowed = allow_descriptors(wanted)
    if allowed < wanted:
        advice = "Raise the limit of open files (ulimit -n, LimitNOFILE=), or lower AUTHSVC_MAX_CONNECTIONS."
        _log.warning("few_descriptors", allowed=allowed, wanted=wanted, advice=advice)


async def check(settings: Settings) -> None:
    """Refuse to start with a secret that the stored keys were not encrypted with; warn of what is not fit.

    What is down or unfit refuses nothing: the service starts, answers 503, and heals by itself.
    """
    async with open_flows(settings) as (flows, database):
        with contextlib.suppress(Outage):  # told below, with the cause
            if not await pending(database):
                await flows.key_ring.refresh()
        await flows.check_health()  # logs a warning of each, with advice


class _Server(OrderlyServer):
    """Says when it is ready."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            _log.info("listening", url=local_url(sockets[0]), workers=1)


class _Workers(Workers):
    """Says when all are ready for the first time."""

    def when_all_serve(self) -> None:
        _log.info("listening", url=local_url(self.sockets[0]), workers=len(self.processes))
