"""What happens to Redis: real wherever Valkey can be made to do it."""

import asyncio
import contextlib
import signal

import redis.exceptions
from tests.faults.fault import Fault, Repeated
from tests.faults.stack import Stack

_ENDLESS = "local i = 0 while true do i = i + 1 end"


class _OfRedis(Fault):
    of = "redis"


class RedisKilled(_OfRedis):
    name = "redis-killed"
    sentence = "Valkey is killed (SIGKILL), and started again with its append-only file."

    async def inject(self, stack: Stack) -> None:
        await stack.forget_admin()
        await stack.valkey.kill()

    async def heal(self, stack: Stack) -> None:
        await stack.valkey.start()


class RedisRestarted(_OfRedis):
    name = "redis-restarted"
    sentence = "Valkey stops in order (SIGTERM), and starts with its data at once."

    async def inject(self, stack: Stack) -> None:
        await stack.forget_admin()
        assert stack.valkey.process is not None
        stack.valkey.send(signal.SIGTERM)
        await stack.valkey.process.wait()
        await stack.valkey.start()

    async def heal(self, stack: Stack) -> None:
        del stack  # it is there


class RedisEmptied(_OfRedis):
    name = "redis-emptied"
    sentence = "Valkey is killed, and started again without its data: sessions are gone, and 401 is right."
    sessions_may_vanish = True

    async def inject(self, stack: Stack) -> None:
        await stack.forget_admin()
        await stack.valkey.kill()

    async def heal(self, stack: Stack) -> None:
        for file in (stack.valkey.folder / "appendonlydir").iterdir():
            file.unlink()
        await stack.valkey.start()


class RedisFlushed(_OfRedis):
    name = "redis-flushed"
    sentence = "Somebody runs FLUSHALL: sessions are gone, and 401 is right."
    sessions_may_vanish = True

    async def inject(self, stack: Stack) -> None:
        await stack.redis("FLUSHALL")

    async def heal(self, stack: Stack) -> None:
        del stack  # what is gone is gone


class RedisPaused(_OfRedis):
    name = "redis-paused"
    sentence = "Valkey stands still (SIGSTOP), and goes on with what had been sent (SIGCONT)."

    async def inject(self, stack: Stack) -> None:
        stack.valkey.send(signal.SIGSTOP)

    async def heal(self, stack: Stack) -> None:
        stack.valkey.send(signal.SIGCONT)


class RedisLate(_OfRedis):
    name = "redis-200ms"
    sentence = "Each reply of Valkey takes 200 ms longer: below the deadline."
    delay = 0.2

    async def inject(self, stack: Stack) -> None:
        stack.redis_proxy.to_client.delay = self.delay

    async def heal(self, stack: Stack) -> None:
        stack.redis_proxy.to_client.clear()


class RedisVeryLate(RedisLate):
    name = "redis-2s"
    sentence = "Each reply of Valkey takes 2 s longer: far beyond the deadline."
    delay = 2.0


class RedisBlackHole(_OfRedis):
    name = "redis-black-hole"
    sentence = "The network to Valkey swallows all, both ways, on old and new connections."

    async def inject(self, stack: Stack) -> None:
        stack.redis_proxy.black_hole()

    async def heal(self, stack: Stack) -> None:
        await stack.redis_proxy.heal()


class RedisUnanswered(_OfRedis):
    name = "redis-unanswered"
    sentence = "New connections to Valkey are never answered, as by a firewall, and old ones are broken."

    async def inject(self, stack: Stack) -> None:
        await stack.redis_proxy.ignore()
        stack.redis_proxy.reset()

    async def heal(self, stack: Stack) -> None:
        await stack.redis_proxy.heal()


class RedisRefused(_OfRedis):
    name = "redis-refused"
    sentence = "Connections to Valkey are refused, and old ones are broken."

    async def inject(self, stack: Stack) -> None:
        await stack.redis_proxy.refuse()
        stack.redis_proxy.reset()

    async def heal(self, stack: Stack) -> None:
        await stack.redis_proxy.heal()


class RedisLostReplies(_OfRedis):
    name = "redis-lost-replies"
    sentence = "Commands reach Valkey and are done; their replies are lost."

    async def inject(self, stack: Stack) -> None:
        stack.redis_proxy.to_client.swallow()

    async def heal(self, stack: Stack) -> None:
        await stack.redis_proxy.heal()


class RedisCutReplies(Repeated, _OfRedis):
    name = "redis-cut-replies"
    sentence = "Again and again a reply of Valkey breaks off in its middle, with its connection."

    async def happen(self, stack: Stack) -> None:
        stack.redis_proxy.to_client.cut_after = 700

    async def clean_up(self, stack: Stack) -> None:
        await stack.redis_proxy.heal()


class RedisFull(_OfRedis):
    name = "redis-full"
    sentence = "Valkey has no memory left (maxmemory, noeviction): every write is answered OOM."

    async def inject(self, stack: Stack) -> None:
        await stack.redis("CONFIG", "SET", "maxmemory", "1")

    async def heal(self, stack: Stack) -> None:
        await stack.redis("CONFIG", "SET", "maxmemory", "0")


class RedisReadOnly(_OfRedis):
    name = "redis-read-only"
    sentence = "Valkey becomes the replica of a primary that is not there: every write is answered READONLY."

    async def inject(self, stack: Stack) -> None:
        await stack.redis("REPLICAOF", "127.0.0.1", "1")

    async def heal(self, stack: Stack) -> None:
        await stack.redis("REPLICAOF", "NO", "ONE")


class RedisLoading(_OfRedis):
    name = "redis-loading"
    sentence = "Everything is answered LOADING (by a stand-in: a small file loads too soon)."

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None

    async def inject(self, stack: Stack) -> None:
        self._server = await asyncio.start_server(answer_loading, "127.0.0.1", 0)
        stack.redis_proxy.upstream = self._server.sockets[0].getsockname()[:2]
        stack.redis_proxy.reset()

    async def heal(self, stack: Stack) -> None:
        assert self._server is not None
        stack.redis_proxy.upstream = ("127.0.0.1", stack.valkey.port)
        self._server.close()
        stack.redis_proxy.reset()


async def answer_loading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read commands as arrays of bulk strings; understand none."""
    with contextlib.suppress(OSError, EOFError):
        while head := await reader.readuntil(b"\r\n"):
            for _ in range(int(head[1:])):
                length = await reader.readuntil(b"\r\n")
                await reader.readexactly(int(length[1:]) + 2)
            writer.write(b"-LOADING server is loading the dataset in memory\r\n")
    writer.close()


class RedisBusy(_OfRedis):
    name = "redis-busy"
    sentence = "Somebody's script does not end: everything is answered BUSY, until SCRIPT KILL."

    def __init__(self) -> None:
        self._script: asyncio.Task[None] | None = None

    async def inject(self, stack: Stack) -> None:
        await stack.redis("CONFIG", "SET", "lua-time-limit", "50")

        async def run() -> None:
            await stack.valkey.ask("EVAL", _ENDLESS, 0)

        self._script = asyncio.create_task(run())
        await asyncio.sleep(0)

    async def heal(self, stack: Stack) -> None:
        assert self._script is not None
        with contextlib.suppress(redis.exceptions.ResponseError):
            await stack.redis("SCRIPT", "KILL")
        await self._script


class RedisSleeps(Repeated, _OfRedis):
    name = "redis-sleeps"
    sentence = "Valkey is busy with something else for 400 ms again and again (DEBUG SLEEP)."
    pause = 0.3

    async def happen(self, stack: Stack) -> None:
        await stack.redis("DEBUG", "SLEEP", "0.4")


class RedisScriptsFlushed(Repeated, _OfRedis):
    name = "redis-scripts-flushed"
    sentence = "Valkey forgets all scripts (SCRIPT FLUSH), a hundred times a second: NOSCRIPT."
    pause = 0.01

    async def happen(self, stack: Stack) -> None:
        await stack.redis("SCRIPT", "FLUSH", "SYNC")


class RedisClientsExhausted(_OfRedis):
    name = "redis-maxclients"
    sentence = "Valkey takes no more clients (maxclients), and ends the connections of the service."

    async def inject(self, stack: Stack) -> None:
        await stack.redis("CONFIG", "SET", "maxclients", "1")
        await stack.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    async def heal(self, stack: Stack) -> None:
        await stack.redis("CONFIG", "SET", "maxclients", "10000")


class RedisClientsKilled(Repeated, _OfRedis):
    name = "redis-client-kill"
    sentence = "Valkey ends all connections (CLIENT KILL), ten times a second."

    async def happen(self, stack: Stack) -> None:
        await stack.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


FAULTS: tuple[type[Fault], ...] = (
    RedisKilled, RedisRestarted, RedisEmptied, RedisFlushed, RedisPaused, RedisLate, RedisVeryLate,
    RedisBlackHole, RedisUnanswered, RedisRefused, RedisLostReplies, RedisCutReplies, RedisFull,
    RedisReadOnly, RedisLoading, RedisBusy, RedisSleeps, RedisScriptsFlushed, RedisClientsExhausted,
    RedisClientsKilled,
)  # fmt: skip
