"""Show a user's own public record: the road that most requests take."""

from dataclasses import dataclass

from authsvc.errors import SessionEnded
from authsvc.flows.find_session import FindSession
from authsvc.sessions.session import LAST_EPOCH
from authsvc.sessions.store import SessionStore
from authsvc.users.store import UserStore
from authsvc.users.user import public_record


@dataclass(frozen=True, slots=True)
class ShowUser:
    """One round trip to Redis brings the session and the record; Postgres is asked for a missing record."""

    find_session: FindSession
    sessions: SessionStore
    users: UserStore

    async def __call__(self, access_token: str | None) -> bytes:
        """Return the record as JSON; raises as `FindSession` does."""
        caller, look_up = await self.find_session(access_token)
        if look_up.record is not None:
            return look_up.record
        user = await self.users.find(caller.user_id)
        if user is None or not user.is_active:
            # The end of this user's sessions is durable, but did not reach Redis: make up for it.
            await self.sessions.end_all(caller.user_id, epoch=user.session_epoch if user else LAST_EPOCH)
            raise SessionEnded
        record = public_record(user)
        await self.sessions.keep_record(user.id, user.version, record)
        return record
