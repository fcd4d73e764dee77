"""A reader of HTTP/1.1 responses (RFC 9112) that understands no more than a load generator must."""

_END_OF_LINE = b"\r\n"
_END_OF_HEAD = b"\r\n\r\n"
_WITHOUT_BODY = frozenset({204, 304})


class MalformedResponse(ValueError):
    """What came is no response, or none that this reader understands."""


class Reader:
    """The responses of one connection that is asked one thing at a time."""

    def __init__(self) -> None:
        self._received = b""

    def feed(self, data: bytes) -> tuple[int, bool] | None:
        """Return the status and whether the connection stays open, or None until the response is whole.

        Raises MalformedResponse, also for bytes that nobody asked for.
        """
        self._received += data
        end = self._received.find(_END_OF_HEAD)
        if end < 0:
            return None
        head = self._received[: end + len(_END_OF_LINE)].lower()
        if not head.startswith(b"http/1.1 "):
            raise MalformedResponse(head)
        try:
            status = int(head[9:12])
            length = self._length(status, head, end + len(_END_OF_HEAD))
        except ValueError as error:
            raise MalformedResponse(head) from error
        if length is None or len(self._received) < length:
            return None
        if len(self._received) > length:
            raise MalformedResponse(self._received[length:])
        self._received = b""
        return status, b"\r\nconnection: close\r\n" not in head

    def _length(self, status: int, head: bytes, body: int) -> int | None:
        """Return the length of the whole response, or None where only what is to come will tell."""
        if status in _WITHOUT_BODY:
            return body
        _, stated, value = head.partition(b"\r\ncontent-length:")
        if stated:
            return body + int(value[: value.index(_END_OF_LINE)])
        if b"\r\ntransfer-encoding: chunked\r\n" not in head:
            raise MalformedResponse(head)
        while (line := self._received.find(_END_OF_LINE, body)) >= 0:
            size = int(self._received[body:line].partition(b";")[0], 16)
            body = line + len(_END_OF_LINE) + size + len(_END_OF_LINE)
            if size == 0:
                return body
        return None
