"""Whether Redis may have forgotten that sessions were ended."""

import asyncio
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from authsvc.kit.clock import Clock
from authsvc.kit.redis import RedisClient
from authsvc.sessions.server_store import ServerStore

_MARGIN = timedelta(minutes=1)
"""For instances that notice a failover one after the other."""


class Continuity:
    """Knows for how long the Redis server at hand has been the one that holds the sessions.

    A restart or a failover may undo deletes that were acknowledged, and then a session that was ended lives
    again. What was ended is also in the database; so for a while after a server appeared, who looks a
    session up asks there too. The while is over when every access token of before has expired
    (``access_token_ttl``), since a refresh always asks there. The very first server cannot have lost
    anything.
    """

    def __init__(
        self, redis: RedisClient, servers: ServerStore, *, access_token_ttl: timedelta, clock: Clock
    ) -> None:
        self._redis = redis
        self._servers = servers
        self._while = access_token_ttl + _MARGIN
        self._clock = clock
        self._known: set[str] = set()
        self._in_doubt_until: datetime | None = None
        self._learning = asyncio.Lock()

    async def is_in_doubt(self) -> bool:
        """Tell whether what Redis just said of a session must be confirmed. May raise `Outage`."""
        if not self._redis.met <= self._known:
            async with self._learning:
                await self._learn(self._redis.met - self._known)
        return self._in_doubt_until is not None and self._clock() < self._in_doubt_until

    async def _learn(self, identities: AbstractSet[str]) -> None:
        for identity in identities:
            first_met_at = await self._servers.meet(identity, self._clock())
            if first_met_at is not None:
                until = first_met_at + self._while
                self._in_doubt_until = max(until, self._in_doubt_until or until)
            self._known.add(identity)
