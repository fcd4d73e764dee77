"""TLS in front of servers that were built without it, and the certificates for it."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])  # PostgreSQL's protocol, section 54.2.11


@dataclass(frozen=True)
class Authority:
    """A CA of its own, and a server's certificate signed by it."""

    ca: Path
    server: ssl.SSLContext


def new_authority(folder: Path, *, host: str = "127.0.0.1") -> Authority:
    """Make a CA, and a certificate for ``host`` (an address, or a name)."""
    folder.mkdir()
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("an authority", ca_key, "an authority", ca_key, None)
    certificate = _certificate("a server", key, "an authority", ca_key, host)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return Authority(folder / "ca.pem", context)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    host: str | None,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + timedelta(days=1),
    ).add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
    if host is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@contextlib.asynccontextmanager
async def tls_in_front(behind: str, context: ssl.SSLContext, *, postgres: bool = False) -> AsyncIterator[int]:
    """Give a port of loopback that speaks TLS, and hands on to the socket ``behind`` what it hears.

    With ``postgres``, TLS begins when it is asked for, as PostgreSQL does it.
    """
    loop = asyncio.get_running_loop()
    serving: set[asyncio.Task[None]] = set()

    async def serve(accepted: socket.socket) -> None:
        with accepted, contextlib.suppress(OSError):
            if postgres:
                assert await loop.sock_recv(accepted, len(_SSL_REQUEST)) == _SSL_REQUEST
                await loop.sock_sendall(accepted, b"S")
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted, ssl=context)
            outer = asyncio.StreamWriter(transport, protocol, reader, loop)
            answers, inner = await asyncio.open_unix_connection(behind)
            try:
                await asyncio.gather(_hand_on(reader, inner), _hand_on(answers, outer))
            finally:
                inner.transport.abort()
                outer.transport.abort()

    async def accept() -> None:
        while True:
            accepted, _ = await loop.sock_accept(listener)
            task = asyncio.create_task(serve(accepted))
            serving.add(task)
            task.add_done_callback(serving.discard)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        accepting = asyncio.create_task(accept())
        try:
            yield int(listener.getsockname()[1])
        finally:
            ending = [accepting, *serving]
            for task in ending:
                task.cancel()
            await asyncio.wait(ending)


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    raise ConnectionResetError  # one side is gone, so the other goes too
