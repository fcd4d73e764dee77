"""The service with a clock and names that the harness can falsify: for workers of `tests.faults.serving`."""

import asyncio
import mmap
import os
import socket
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from authsvc.app import create_app
from authsvc.environment import load
from authsvc.kit.logs import configure_logs

_NAMES = ".faults.test"


def make_app() -> FastAPI:
    """Return the application of this worker."""
    with Path(os.environ["FAULTS_WORLD"]).open("rb") as file:
        world = mmap.mmap(file.fileno(), 16, access=mmap.ACCESS_READ)

    def clock() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=struct.unpack("dd", world[:])[0])

    def names_fail() -> bool:
        return bool(struct.unpack("dd", world[:])[1])

    loop: Any = asyncio.get_running_loop()
    resolve = loop.getaddrinfo

    async def getaddrinfo(host: Any, port: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and name.endswith(_NAMES):
            if names_fail():
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            name = "127.0.0.1"
        return await resolve(name, port, **more)

    loop.getaddrinfo = getaddrinfo
    settings = load()
    configure_logs(settings.log_level, settings.log_format)
    return create_app(settings, clock=clock)
