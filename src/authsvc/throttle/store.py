"""Every Redis command about attempts."""

from collections.abc import Sequence
from datetime import timedelta

from authsvc.errors import TooManyAttempts
from authsvc.keyspace import Keyspace
from authsvc.kit.lua import load_script
from authsvc.kit.redis import Argument, RedisClient
from authsvc.throttle.rules import Attempt

_RESERVE = load_script(__package__, "reserve")
_REFUND = load_script(__package__, "refund")


class ThrottleStore:
    """Counts attempts for all instances together. Redis down is an `Outage`: nothing is ever unlimited."""

    def __init__(self, redis: RedisClient, keys: Keyspace) -> None:
        self._redis = redis
        self._keys = keys

    async def reserve(self, attempts: Sequence[Attempt]) -> None:
        """Count an attempt before it is made.

        Raises:
            TooManyAttempts: one of the limits is reached; nothing was counted.

        """
        args: list[Argument] = []
        for attempt in attempts:
            args += [attempt.rule.limit, attempt.rule.window // timedelta(milliseconds=1)]
        wait = await self._redis.run(_RESERVE, self._keys_of(attempts), args)
        if wait:
            raise TooManyAttempts(retry_after=-(-wait // 1000))

    async def refund(self, attempts: Sequence[Attempt]) -> None:
        """Take back an attempt that was not a guess."""
        await self._redis.run(_REFUND, self._keys_of(attempts), [])

    def _keys_of(self, attempts: Sequence[Attempt]) -> list[str]:
        return [self._keys.attempts(attempt.rule.name, attempt.subject_digest) for attempt in attempts]
