"""Everything that the servers hold, as bytes; and every form in which a secret could be used from there."""

import asyncio
import base64
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url, text

from authsvc.devservers.programs import Programs
from authsvc.kit.database import Database
from authsvc.kit.redis import RedisClient
from authsvc.sessions.packing import unpack

_READS = {
    b"string": ("GET",), b"hash": ("HGETALL",), b"zset": ("ZRANGE", "0", "-1", "WITHSCORES"),
    b"set": ("SMEMBERS",), b"list": ("LRANGE", "0", "-1"), b"stream": ("XRANGE", "-", "+"),
}  # fmt: skip


async def postgres_rows(database: Database) -> bytes:
    """Return every row of every table that is not PostgreSQL's own."""
    found = []
    async with database.read() as connection:
        names = await connection.execute(
            text("SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_)'")
        )
        for schema, table in names.all():
            rows = await connection.execute(text(f'SELECT t::text FROM "{schema}"."{table}" t'))  # noqa: S608
            found += [row.encode() for row in rows.scalars()]
    return b"\n".join(found)


async def postgres_dump(url: str, database: Database) -> bytes | None:
    """Return what pg_dump writes of it; None where there is no pg_dump that knows this server."""
    folder = await asyncio.to_thread(Programs().find_postgres)
    program = folder / "pg_dump" if (folder / "pg_dump").exists() else shutil.which("pg_dump")
    if program is None:
        return None
    parts = make_url(url)
    where = {"PGHOST": str(parts.query["host"]), "PGPORT": str(parts.query["port"]), "PGUSER": "authsvc"}
    process = await asyncio.create_subprocess_exec(
        program, "--inserts", "authsvc", env=dict(os.environ) | where,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    written, _ = await process.communicate()
    return written if process.returncode == 0 else None


async def redis_values(redis: RedisClient) -> bytes:
    """Return every key with its whole value, packed and unpacked, and what DUMP says of it."""
    found: list[bytes] = []
    for name in await redis.execute("KEYS", "*"):
        command, *more = _READS[await redis.execute("TYPE", name)]
        value = await redis.execute(command, name, *more)
        found += [name, *_flat(value), *_unpacked(value), await redis.execute("DUMP", name) or b""]
    return b"\n".join(found)


def _unpacked(value: object) -> Iterator[bytes]:
    """Yield what is packed: a record behind its version; a User-Agent, in the fields u, 1, 2, …"""
    packed = value.partition(b" ")[2] if isinstance(value, bytes) else b""
    if isinstance(value, dict):
        packed = b"".join(
            value.get(field, b"") for field in (b"u", *(b"%d" % piece for piece in range(1, 9)))
        )
    yield unpack(packed) or b""


async def redis_file(redis: RedisClient) -> bytes:
    """Return the file that the server writes of all it holds, uncompressed."""
    await redis.execute("CONFIG", "SET", "rdbcompression", "no")
    await redis.execute("SAVE")
    folder, name = [(await redis.execute("CONFIG", "GET", option)) for option in ("dir", "dbfilename")]
    path = Path(_flat_text(folder)[-1]) / _flat_text(name)[-1]
    return await asyncio.to_thread(path.read_bytes)


def held(secrets: Iterable[str], where: bytes) -> list[str]:
    """Return the beginnings of the secrets that stand in ``where`` in any form that could be used."""
    return [secret[:8] + "…" for secret in secrets if any(form in where for form in forms(secret))]


def forms(secret: str) -> Iterator[bytes]:
    """Yield the ways in which ``secret`` could stand somewhere: as it is, escaped, encoded."""
    raw = secret.encode()
    yield raw
    yield json.dumps(secret)[1:-1].encode()
    yield quote(secret, safe="").encode()
    yield raw.hex().encode()
    yield base64.b64encode(raw).rstrip(b"=")
    yield base64.urlsafe_b64encode(raw).rstrip(b"=")


def _flat(value: object) -> Iterator[bytes]:
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set):
        for one in value:
            yield from _flat(one)
    else:
        yield value if isinstance(value, bytes) else str(value).encode()


def _flat_text(value: object) -> list[str]:
    return [one.decode() for one in _flat(value)]
