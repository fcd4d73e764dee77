"""The port, held before anything else is started, so that nothing is started in vain."""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator

from authsvc.environment import variable
from authsvc.settings import InvalidSettings

_BACKLOG = 2048


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Give a socket that listens; connections wait until somebody accepts them. Port 0: any free one.

    Raises:
        InvalidSettings: the port or the address cannot be had.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise InvalidSettings(_told(host, port, error)) from None
    with listener:
        yield listener


def local_url(listener: socket.socket) -> str:
    """Return the URL under which this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    if host in {"127.0.0.1", "::1", "0.0.0.0", "::"}:
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _told(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        another = f"{variable('port')}={port + 1}"
        return f"Port {port} on {host} is in use. Stop what uses it, or choose another: {another}"
    reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
    return f"Port {port} on {host} cannot be used ({reason}). See {variable('host')} and {variable('port')}."
