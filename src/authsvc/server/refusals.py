"""An answer that the server gives without the application: the same problem+json, the same headers."""

from contextvars import copy_context

from authsvc.api.middleware import protected, receive_request
from authsvc.errors import AuthsvcError
from authsvc.problems import status_of, tell

Headers = list[tuple[bytes, bytes]]


def refusal(error: AuthsvcError, path: str | None, server_headers: Headers) -> bytes:
    """Log ``error`` and return the whole answer, in HTTP/1.1, that tells it; the connection ends with it.

    ``path`` is that of the request, where it is known. ``server_headers`` go with every answer of the server.
    """
    # The request that it belongs to ends here: its id must not stay with whatever this task does next.
    return copy_context().run(_write, error, path, server_headers)


def _write(error: AuthsvcError, path: str | None, server_headers: Headers) -> bytes:
    scope = {"path": path}
    given = receive_request(scope)
    response = tell(error, scope)
    own = [
        header for header in response.raw_headers if header[0] != b"cache-control"
    ]  # one of the protecting
    lines = [*server_headers, *own, (b"connection", b"close")]
    return b"".join(
        [
            b"HTTP/1.1 %d %s\r\n" % (response.status_code, _phrase(error)),
            *(b"%s: %s\r\n" % header for header in protected(lines, given)),
            b"\r\n",
            response.body,
        ]
    )


def _phrase(error: AuthsvcError) -> bytes:
    return status_of(type(error)).phrase.encode()
