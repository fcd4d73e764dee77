"""The floors: what this machine allows at best, for the same work done by hand and nothing else.

    /raw       an ASGI application that answers
    /look_up   F1: the same, after one HMGET on a connection that everybody shares
    /rotate    the same, after one EVALSHA that does what rotating a session takes
    /sign      the same, and an Ed25519 signature
    /hash      the raw one, after one verification by argon2id in a bounded pool of threads

Run by `world`, which sets ``BENCH_REDIS_URL``, ``BENCH_HASHING_THREADS`` and ``BENCH_ARGON2_*``.
"""

import asyncio
import hashlib
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import hiredis
from argon2 import low_level as argon2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

RECORD = b'{"id":"0b0e4b0c-0000-4000-8000-000000000000","username":"ada","name":"Ada Lovelace","email":null}'
PASSWORD = b"nine purple kettles sing"
SESSIONS = 256
SCRIPT = """
local f = redis.call('HMGET', KEYS[1], 'g', 'd', 'e', 'c', 'r', 'i', 'x', 'n', 'a')
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('HSET', KEYS[1], 'g', tonumber(f[1]) + 1, 'r', now, 'i', now + 1000000, 'n', 0)
redis.call('PEXPIREAT', KEYS[1], now + 1000000)
return {'rotated', f[1], now, now, f[4], f[9]}
"""
_NOTHING = object()


class Shared(asyncio.Protocol):
    """One connection, a queue of those who wait, all commands of one turn of the loop in one write."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._out: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def send(self, *command: str | float | bytes | memoryview) -> asyncio.Future[Any]:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub says a tuple of one
        future = self._loop.create_future()
        self._waiting.append(future)
        return future

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not _NOTHING:
            self._waiting.popleft().set_result(reply)

    def _flush(self) -> None:
        self._transport.write(b"".join(self._out))
        self._out.clear()


class Floors:
    """The application."""

    def __init__(self) -> None:
        self._redis: Shared | None = None
        self._sha = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
        self._key = Ed25519PrivateKey.generate()
        self._pool = ThreadPoolExecutor(int(os.environ["BENCH_HASHING_THREADS"]))
        self._hash = argon2.hash_secret(
            PASSWORD,
            bytes(16),
            time_cost=int(os.environ["BENCH_ARGON2_TIME_COST"]),
            memory_cost=int(os.environ["BENCH_ARGON2_MEMORY_KIB"]),
            parallelism=int(os.environ["BENCH_ARGON2_PARALLELISM"]),
            hash_len=32,
            type=argon2.Type.ID,
        )
        self._turn = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        redis = self._redis
        assert redis is not None
        body = RECORD
        match scope["path"]:
            case "/look_up":
                [_, body] = await redis.send("HMGET", self._name(), "e", "b")
            case "/rotate" | "/sign":
                await redis.send("EVALSHA", self._sha, 1, self._name())
                if scope["path"] == "/sign":
                    self._key.sign(RECORD * 4)
            case "/hash":
                await asyncio.get_running_loop().run_in_executor(self._pool, self._verify)
            case _:
                pass
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _verify(self) -> None:
        argon2.verify_secret(self._hash, PASSWORD, argon2.Type.ID)

    def _name(self) -> str:
        self._turn = (self._turn + 1) % SESSIONS
        return f"floor:{self._turn}"

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        url = urlsplit(os.environ["BENCH_REDIS_URL"])
        _, self._redis = await asyncio.get_running_loop().create_unix_connection(Shared, url.path)
        await self._redis.send("SCRIPT", "LOAD", SCRIPT)
        fields = (
            "g",
            1,
            "d",
            "x" * 32,
            "e",
            1,
            "c",
            1,
            "r",
            1,
            "i",
            1,
            "x",
            1,
            "n",
            0,
            "a",
            "pwd",
            "b",
            RECORD,
        )
        for _ in range(SESSIONS):
            await self._redis.send("HSET", self._name(), *fields)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


app = Floors()
