"""Buckets leak by the time of the server, which cannot be set; so what is stored is moved instead."""

from datetime import timedelta

from authsvc.kit.redis import RedisClient

_MILLISECOND = timedelta(milliseconds=1)


async def let_pass(redis: RedisClient, time: timedelta) -> None:
    """Make all buckets as old as if ``time`` had passed."""
    seconds, microseconds = await redis.execute("TIME")
    now = int(seconds) * 1000 + int(microseconds) // 1000
    for key in await redis.execute("KEYS", "*:{throttle}:*"):
        for field in ("t", "o"):
            if await redis.execute("HEXISTS", key, field):
                await redis.execute("HINCRBY", key, field, -(time // _MILLISECOND))
        empty_at = await redis.execute("HGET", key, "t")
        if empty_at is not None:
            await redis.execute("PEXPIREAT", key, max(int(empty_at), now - 1))
