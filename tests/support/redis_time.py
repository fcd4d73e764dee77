"""Scripts read the time of the server, which cannot be set; so what is stored is moved instead."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.clock import SettableClock

from authsvc.keyspace import Keyspace, parse_id
from authsvc.kit.lua import Script
from authsvc.kit.redis import RedisClient

_MOVE = """
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local key = ARGV[1] .. id
  redis.call('ZINCRBY', KEYS[1], ARGV[2], id)
  if redis.call('EXISTS', key) == 1 then
    for _, field in ipairs({'c', 'r', 'i', 'x'}) do
      redis.call('HINCRBY', key, field, ARGV[2])
    end
    local f = redis.call('HMGET', key, 'i', 'x')
    redis.call('PEXPIREAT', key, math.min(tonumber(f[1]), tonumber(f[2])))
  end
end
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if last[2] then
  redis.call('PEXPIREAT', KEYS[1], tonumber(last[2]))
end
for i = 2, 3 do
  local left = redis.call('PTTL', KEYS[i])
  if left > 0 then
    redis.call('PEXPIRE', KEYS[i], left + tonumber(ARGV[2]))
  end
end
return 1
"""
_SCRIPT = Script("move", _MOVE, hashlib.sha1(_MOVE.encode(), usedforsecurity=False).hexdigest())
_FAR = 2**42  # milliseconds: a deadline of the year 2109, until the right one is set


@dataclass(frozen=True)
class ReplicaCopy:
    """What a replica knows of some users when the primary is lost."""

    offset: int
    sessions: dict[UUID, dict[bytes, dict[bytes, bytes]]]
    epochs: dict[UUID, tuple[bytes, int]]


class RedisTime:
    """Keeps what Redis stores of some users in step with a clock that a test sets.

    Between two calls the times in Redis run on by what really passes, usually milliseconds.
    """

    def __init__(self, redis: RedisClient, clock: SettableClock, keys: Keyspace) -> None:
        self.users: list[UUID] = []
        self._redis = redis
        self._clock = clock
        self._keys = keys
        self._offset: int | None = None  # milliseconds from the server's time to the clock's

    async def settle(self) -> None:
        """Move what is stored, so that to the server it is as old as the clock says."""
        before, self._offset = self._offset, await self._measure()
        if before is not None:
            for user_id in self.users:
                await self._move(user_id, before - self._offset)

    def moment(self, stored: bytes) -> datetime:
        """Return when a time in Redis is, by the clock."""
        return datetime.fromtimestamp((int(stored) + (self._offset or 0)) / 1000, UTC)

    async def sessions(self, ids: Sequence[tuple[UUID, UUID]]) -> list[dict[bytes, bytes]]:
        """Return the fields of sessions, given by user and session; empty where there is none."""
        names = [self._keys.session(user_id, session_id) for user_id, session_id in ids]
        found: list[dict[bytes, bytes]] = await asyncio.gather(
            *(self._redis.execute("HGETALL", name) for name in names)
        )
        return found

    async def index(self, user_id: UUID) -> list[bytes]:
        """Return the ids in the user's index."""
        ids: list[bytes] = await self._redis.execute("ZRANGE", self._keys.sessions(user_id), 0, -1)
        return ids

    async def copy(self) -> ReplicaCopy:
        """Copy what is stored, as a replica does."""
        await self.settle()
        sessions: dict[UUID, dict[bytes, dict[bytes, bytes]]] = {}
        epochs = {}
        for user_id in self.users:
            ids = await self.index(user_id)
            found = await self.sessions([(user_id, parse_id(id_)) for id_ in ids])
            sessions[user_id] = {id_: fields for id_, fields in zip(ids, found, strict=True) if fields}
            key = self._keys.epoch(user_id)
            if (epoch := await self._redis.execute("GET", key)) is not None:
                epochs[user_id] = (epoch, await self._redis.execute("PTTL", key))
        return ReplicaCopy(self._offset or 0, sessions, epochs)

    async def put_back(self, copy: ReplicaCopy) -> None:
        """Make the copy what is stored: all that was written since is lost."""
        await self.settle()
        for user_id in self.users:
            await self._forget(user_id)
            for id_, fields in copy.sessions.get(user_id, {}).items():
                name = self._keys.session(user_id, parse_id(id_))
                flat: list[Any] = [part for pair in fields.items() for part in pair]
                await self._redis.execute("HSET", name, *flat)
                await self._redis.execute("PEXPIREAT", name, _FAR)
                await self._redis.execute("ZADD", self._keys.sessions(user_id), fields[b"x"].decode(), id_)
                await self._redis.execute("PEXPIREAT", self._keys.sessions(user_id), _FAR)
            if user_id in copy.epochs:
                epoch, left = copy.epochs[user_id]
                await self._redis.execute("SET", self._keys.epoch(user_id), epoch, "PX", left)
            await self._move(user_id, copy.offset - (self._offset or 0))

    async def _forget(self, user_id: UUID) -> None:
        for id_ in await self.index(user_id):
            await self._redis.execute("DEL", self._keys.session(user_id, parse_id(id_)))
        for name in (self._keys.sessions(user_id), self._keys.epoch(user_id), self._keys.record(user_id)):
            await self._redis.execute("DEL", name)

    async def _move(self, user_id: UUID, milliseconds: int) -> None:
        keys = [self._keys.sessions(user_id), self._keys.epoch(user_id), self._keys.record(user_id)]
        await self._redis.run(_SCRIPT, keys, [self._keys.session_prefix(user_id), milliseconds])

    async def _measure(self) -> int:
        seconds, microseconds = (int(part) for part in await self._redis.execute("TIME"))
        clock = self._clock() - datetime.fromtimestamp(0, UTC)
        return clock // timedelta(milliseconds=1) - seconds * 1000 - microseconds // 1000
