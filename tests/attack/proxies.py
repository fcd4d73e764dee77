"""nginx and HAProxy with the configurations that the docs recommend: only ports and paths are filled in."""

import asyncio
import os
import re
import shutil
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.attack.case import HOST, Service
from tests.attack.wire import PROBE, Place, exchange
from tests.cli.running import free_port

_CONFIGURATIONS = Path(__file__).parents[2] / "docs/proxy"
_PATIENCE = 30.0
_POLL = 0.05
_MOVED = ("body", "proxy", "fastcgi", "uwsgi", "scgi")  # where nginx keeps files, even if it never does


@dataclass(frozen=True)
class Proxied:
    """Proxies in front of services: where each listens, and what they write."""

    places: Mapping[Service, Place]
    logs: tuple[Path, ...]


def is_installed(name: str) -> bool:
    """Tell whether the program is there."""
    return shutil.which(name) is not None


@asynccontextmanager
async def proxied(name: str, folder: Path, behind: Mapping[Service, Place]) -> AsyncIterator[Proxied]:
    """Start one ``name`` ("nginx" or "haproxy") in front of each place."""
    tls = await asyncio.to_thread(_certificate, folder)
    places: dict[Service, Place] = {}
    logs: list[Path] = []
    processes = []
    try:
        for service, place in behind.items():
            own = folder / service
            own.mkdir()
            port = free_port()
            processes.append(await _start(name, own, folder, port, [place.port]))
            places[service] = Place(port, tls)
            logs += [own / "log", *([own / "access.log"] if name == "nginx" else [])]
        for place in places.values():
            await _wait_until_it_passes(place)
        yield Proxied(places, tuple(logs))
    finally:
        for process in processes:
            if process.returncode is None:
                process.terminate()
            await process.wait()


@asynccontextmanager
async def balanced(name: str, folder: Path, behind: Sequence[int]) -> AsyncIterator[Place]:
    """Start one ``name`` in front of several instances of one service."""
    place = Place(free_port(), await asyncio.to_thread(_certificate, folder))
    process = await _start(name, folder, folder, place.port, behind)
    try:
        await _wait_until_it_passes(place)
        yield place
    finally:
        process.terminate()
        await process.wait()


async def _start(
    name: str, own: Path, folder: Path, port: int, behind: Sequence[int]
) -> asyncio.subprocess.Process:
    command = (_nginx if name == "nginx" else _haproxy)(own, folder, port, behind)
    with await asyncio.to_thread((own / "log").open, "wb") as output:
        return await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)


def _nginx(own: Path, folder: Path, port: int, behind: Sequence[int]) -> tuple[str, ...]:
    text = (_CONFIGURATIONS / "nginx.conf").read_text(encoding="utf-8")
    text = re.sub(r"^ *listen \[::\]:.*\n", "", text, flags=re.MULTILINE)
    moved = "".join(f"{kind}_temp_path {own / kind};" for kind in ("client_body", *_MOVED[1:]))
    text = _filled(
        text,
        {
            r"(?<=listen )443\b": f"127.0.0.1:{port}",
            r"(?<=listen )80\b": f"127.0.0.1:{free_port()}",
            r"^( *server )127\.0\.0\.1:8000( .*\n)": "".join(
                rf"\g<1>127.0.0.1:{each}\g<2>" for each in behind
            ),
            r"/etc/ssl/authsvc/": f"{folder}/",
            r"/var/log/nginx/": f"{own}/",
            r"(?<=^http \{\n)": moved + "\n",
        },
    )
    (own / "nginx.conf").write_text(text, encoding="utf-8")
    user = "user root;" if os.geteuid() == 0 else ""  # else the workers could not read the folder
    return (
        "nginx", "-p", str(own), "-e", str(own / "error.log"), "-c", str(own / "nginx.conf"),
        "-g", f"daemon off; pid {own / 'pid'}; {user}",
    )  # fmt: skip


def _haproxy(own: Path, folder: Path, port: int, behind: Sequence[int]) -> tuple[str, ...]:
    text = _filled(
        (_CONFIGURATIONS / "haproxy.cfg").read_text(encoding="utf-8"),
        {
            r"(?<=bind ):443\b": f"127.0.0.1:{port}",
            r"^( *server )one 127\.0\.0\.1:8000(.*\n)": "".join(
                rf"\g<1>at{each} 127.0.0.1:{each}\g<2>" for each in behind
            ),
            r"/etc/ssl/authsvc/": f"{folder}/",
        },
    )
    (own / "haproxy.cfg").write_text(text, encoding="utf-8")
    return ("haproxy", "-db", "-f", str(own / "haproxy.cfg"))


def _filled(text: str, places: Mapping[str, str]) -> str:
    for pattern, value in places.items():
        text, times = re.subn(pattern, value, text, flags=re.MULTILINE)
        if not times:
            raise LookupError(f"the recommended configuration has no {pattern}")
    return text


def _certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate of this run's own; return a context that trusts it alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "fullchain.pem").write_bytes(chain)
    (folder / "privkey.pem").write_bytes(private)
    (folder / "auth.pem").write_bytes(chain + private)
    return ssl.create_default_context(cadata=chain.decode())


async def _wait_until_it_passes(place: Place) -> None:
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                if [answer.status for answer in (await exchange(place, [PROBE])).answers] == [200]:
                    return
            except OSError:
                pass
            await asyncio.sleep(_POLL)  # another process: there is nothing to wait on
