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
_MILLISECOND = timedelta(milliseconds=1)


class ThrottleStore:
    """Counts attempts for all instances together. Redis down is an `Outage`: nothing is ever unlimited."""

    def __init__(self, redis: RedisClient, keys: Keyspace) -> None:
        self._redis = redis
        self._keys = keys

    async def reserve(self, attempts: Sequence[Attempt]) -> None:
        """Count an attempt before it is made.

        Raises:
            TooManyAttempts: a bucket is full; nothing was counted. Of several, the longest wait is told.

        """
        match await self._redis.run(_RESERVE, self._keys_of(attempts), _arguments(attempts)):
            case [int(number), int(wait)]:
                raise TooManyAttempts(-(-wait // 1000), attempts[number - 1].rule.name)

    async def refund(self, attempts: Sequence[Attempt]) -> None:
        """Take back an attempt that was not a guess."""
        await self._redis.run(_REFUND, self._keys_of(attempts), _arguments(attempts))

    def _keys_of(self, attempts: Sequence[Attempt]) -> list[str]:
        return [self._keys.bucket(attempt.rule.name, attempt.subject_digest) for attempt in attempts]


def _arguments(attempts: Sequence[Attempt]) -> list[Argument]:
    args: list[Argument] = []
    for attempt in attempts:
        rule = attempt.rule
        first_wait = rule.first_wait or timedelta()
        args += [rule.limit, rule.forgiven_after // _MILLISECOND, first_wait // _MILLISECOND]
    return args
