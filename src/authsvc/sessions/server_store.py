"""Every SQL statement about the Redis servers that hold sessions."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from authsvc.kit.database import Database
from authsvc.sessions.tables import redis_servers


class ServerStore:
    """What all instances know of Redis servers. Every method may raise `authsvc.kit.outage.Outage`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def meet(self, identity: str, now: datetime) -> datetime | None:
        """Remember a server; return when it was first met, None for the first server of all."""
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        new = insert(redis_servers).values(identity=identity, first_met_at=now).on_conflict_do_nothing()
        found = select(redis_servers.c.first_met_at).where(redis_servers.c.identity == identity)
        async with self._database.write() as connection:
            await connection.execute(new)
            first_met_at: datetime = (await connection.execute(found)).scalar_one()
            until_then = redis_servers.c.first_met_at <= first_met_at
            met = (await connection.execute(select(func.count()).where(until_then))).scalar_one()
        return None if met == 1 else first_met_at
