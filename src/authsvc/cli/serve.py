"""``authsvc serve``: the production start."""

from typing import Any

import uvicorn

from authsvc.kit.logs import configure_logs
from authsvc.settings import Settings

_KEEP_ALIVE = 5  # seconds
_GRACE = 20  # seconds that requests under way get when the service is told to stop


def server_options(settings: Settings) -> dict[str, Any]:
    """Return the options of uvicorn that development and production share."""
    return {
        "access_log": False,
        "date_header": True,
        "forwarded_allow_ips": list(settings.trusted_proxies),
        "lifespan": "on",
        "log_config": None,
        "proxy_headers": bool(settings.trusted_proxies),
        "server_header": False,
        "timeout_graceful_shutdown": _GRACE,
        "timeout_keep_alive": _KEEP_ALIVE,
        "ws": "none",
    }


def run_service(settings: Settings) -> None:
    """Serve until a signal stops it; every worker reads the same environment."""
    configure_logs(settings.log_level, settings.log_format)
    uvicorn.run(
        "authsvc.app:from_environment",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        **server_options(settings),
    )
