"""Every Redis command about sessions. All that must be atomic is one script (``lua/``)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from authsvc.keyspace import EPOCH_TTL, RECORD_TTL, Keyspace, id_text, parse_id
from authsvc.kit.lua import load_script
from authsvc.kit.redis import RedisClient
from authsvc.sessions.packing import pack, pack_address, unpack, unpack_address
from authsvc.sessions.refresh_token import RefreshToken
from authsvc.sessions.session import Lifetimes, LookUp, NewSession, Refusal, Rotation, Session, Started

_START = load_script(__package__, "start")
_ROTATE = load_script(__package__, "rotate")
_END = load_script(__package__, "end")
_END_ALL = load_script(__package__, "end_all")
_LIST = load_script(__package__, "list")
_KEEP_RECORD = load_script(__package__, "keep_record")


class SessionStore:
    """The sessions of all users. Every method may raise `authsvc.kit.outage.Outage`."""

    def __init__(self, redis: RedisClient, keys: Keyspace, lifetimes: Lifetimes) -> None:
        self._redis = redis
        self._keys = keys
        self._lifetimes = lifetimes

    async def start(self, new: NewSession) -> Started | None:
        """Start a session; None if all of the user's sessions were ended since ``new.epoch`` was read."""
        reply = await self._redis.run(
            _START,
            [
                self._keys.session(new.user_id, new.id),
                self._keys.sessions(new.user_id),
                self._keys.epoch(new.user_id),
            ],
            [
                self._keys.session_prefix(new.user_id),
                id_text(new.id),
                new.secret_digest,
                new.epoch,
                _milliseconds(self._lifetimes.idle_ttl),
                _milliseconds(self._lifetimes.absolute_ttl),
                self._lifetimes.max_per_user,
                " ".join(new.amr),
                pack_address(new.ip_address),
                pack(new.user_agent.encode()),
            ],
        )
        match reply:
            case [b"started", now, deadline, *displaced]:
                return Started(
                    created_at=_datetime(now),
                    expires_at=_datetime(deadline),
                    expires_in=timedelta(milliseconds=deadline - now),
                    displaced=tuple(parse_id(id_) for id_ in displaced),
                )
            case [b"stale"]:
                return None
            case _:
                raise _unexpected(reply)

    async def rotate(self, token: RefreshToken, *, required_epoch: int) -> Rotation | Refusal:
        """Present a genuine refresh token.

        At most one caller rotates a generation; others within the grace window are told the same
        successor. A reused token ends the session (RFC 9700, section 4.14.2).
        """
        reply = await self._redis.run(
            _ROTATE,
            [
                self._keys.session(token.user_id, token.session_id),
                self._keys.sessions(token.user_id),
            ],
            [
                id_text(token.session_id),
                token.secret_digest,
                token.generation,
                required_epoch,
                _milliseconds(self._lifetimes.idle_ttl),
                _milliseconds(self._lifetimes.grace),
                self._lifetimes.max_replays,
            ],
        )
        match reply:
            case [(b"rotated" | b"replayed") as verdict, generation, now, deadline, created_at, amr]:
                return Rotation(
                    generation=generation,
                    replayed=verdict == b"replayed",
                    created_at=_datetime(created_at),
                    expires_at=_datetime(deadline),
                    expires_in=timedelta(milliseconds=deadline - now),
                    amr=tuple(amr.decode().split()),
                )
            case [refusal]:
                return Refusal(refusal.decode())
            case _:
                raise _unexpected(reply)

    async def look_up(self, user_id: UUID, session_id: UUID) -> LookUp:
        """Tell whether the session lives, and hand out the user's record, in one round trip.

        No script: it would cost Redis several times as much, and nothing hangs on both being of one moment.
        """
        session, user = self._keys.looked_up(user_id, session_id)
        epoch, kept = await self._redis.execute_together(("HGET", session, "e"), ("GET", user))
        record = None if kept is None else unpack(kept.partition(b" ")[2])
        return LookUp(epoch=None if epoch is None else int(epoch), record=record)

    async def keep_record(self, user_id: UUID, version: int, record: bytes) -> None:
        """Hand out ``record`` at the next look-ups, unless one of a higher ``version`` is there."""
        await self._redis.run(
            _KEEP_RECORD, [self._keys.record(user_id)], [version, pack(record), _milliseconds(RECORD_TTL)]
        )

    async def end(self, user_id: UUID, session_id: UUID) -> bool:
        """End one session; False if it did not live."""
        keys = [self._keys.session(user_id, session_id), self._keys.sessions(user_id)]
        return bool(await self._redis.run(_END, keys, [id_text(session_id)]))

    async def end_all(self, user_id: UUID, *, epoch: int, keep: UUID | None = None) -> int:
        """End the sessions that began before ``epoch``, but for ``keep``; tell how many."""
        ended: int = await self._redis.run(
            _END_ALL,
            [self._keys.sessions(user_id), self._keys.epoch(user_id)],
            [
                self._keys.session_prefix(user_id),
                epoch,
                _milliseconds(EPOCH_TTL),
                id_text(keep) if keep else "",
            ],
        )
        return ended

    async def list(self, user_id: UUID) -> list[Session]:
        """Return the user's live sessions, the oldest first."""
        rows = await self._redis.run(
            _LIST, [self._keys.sessions(user_id)], [self._keys.session_prefix(user_id)]
        )
        return [
            Session(
                id=parse_id(id_),
                created_at=_datetime(created_at),
                last_seen_at=_datetime(rotated_at),
                expires_at=_datetime(deadline),
                ip_address=unpack_address(ip_address),
                user_agent=(unpack(user_agent) or b"").decode(),
            )
            for id_, created_at, rotated_at, deadline, ip_address, user_agent in rows
        ]


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


def _datetime(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _unexpected(reply: Any) -> RuntimeError:
    return RuntimeError(f"a session script replied with {type(reply).__name__} of an unknown form")
