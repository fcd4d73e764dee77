"""Logs: one JSON object a line, in UTC, on standard output; or coloured lines for eyes."""

import logging
import sys
from contextvars import ContextVar
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor

_LONGEST_PATH = 56  # of ours, /sessions/ and an id; a token has more than a hundred characters

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that is being served: on every line that is logged meanwhile."""


def configure_logs(level: str, form: Literal["json", "console"]) -> None:
    """Send structlog's events and the standard library's records the same way, from ``level`` on.

    Tracebacks are text without the values of variables, which may be secret.
    """
    shared: list[Processor] = [
        _add_request_id,
        _shorten_path,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer(sort_keys=True)
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)  # below, it logs what statements carry


def _add_request_id(_: Any, __: str, event: EventDict) -> EventDict:
    if (serving := request_id.get()) is not None:
        event["request_id"] = serving
    return event


def _shorten_path(_: Any, __: str, event: EventDict) -> EventDict:
    """Whoever puts a token into a path by mistake must not find it in the log in usable form."""
    path = event.get("path")
    if isinstance(path, str) and len(path) > _LONGEST_PATH:
        event["path"] = f"{path[:_LONGEST_PATH]}…"
    return event
