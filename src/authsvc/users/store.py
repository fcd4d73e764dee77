"""Every SQL statement about users. Each method is one statement, or one short transaction.

Whatever changes is recorded in the ledger with it, both or neither: ``origin`` is who asked for it.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    delete,
    false,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from authsvc.audit.event import SERVICE, Event, EventName, Origin
from authsvc.audit.store import Fact, FrequentFact, record
from authsvc.errors import EmailTaken, Taken, UsernameTaken
from authsvc.kit.clock import Clock
from authsvc.kit.database import Database
from authsvc.kit.gathered import Gathered
from authsvc.kit.prepared import Prepared
from authsvc.users.epoch import raised_epoch, required_epoch
from authsvc.users.identity import Email, IdentityError, Username
from authsvc.users.tables import ended_sessions, users
from authsvc.users.user import NewUser, ProfileChanges, Standing, Unchanged, User

_USER = tuple(users.c[field.name] for field in fields(User))

Asked = tuple[UUID, UUID]
"""A user and one of the user's sessions."""


def _user_by(key: ColumnElement[Any]) -> Prepared:
    return Prepared(select(*_USER).where(key == bindparam("wanted")))


_BY_ID, _BY_USERNAME, _BY_EMAIL = map(_user_by, (users.c.id, users.c.username_key, users.c.email_key))

_MOST_AT_ONCE = 500
_MOST_FORGOTTEN_AT_ONCE = 1000


class UserStore:
    """Who exists. Any method may raise `kit.outage.Outage`; then a change may or may not have happened."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._standings = Gathered(self._find_standings, most=_MOST_AT_ONCE)

    async def add(self, new: NewUser, *, origin: Origin = SERVICE) -> User:
        """Add a user under a random id. Raises `UsernameTaken` or `EmailTaken`."""
        now, user_id = self._clock(), uuid4()
        statement = insert(users).values(
            id=user_id,
            username=new.username.shown,
            username_key=new.username.key,
            name=new.name,
            **_email(new.email),
            email_verified=False,
            password_hash=new.password_hash,
            session_epoch=0,
            version=1,
            created_at=now,
            updated_at=now,
        )
        try:
            row = await self._record(
                statement.returning(*_USER), Event(EventName.USER_REGISTERED, origin, user_id)
            )
        except IntegrityError as error:
            raise _taken(error) from None  # the cause would carry the password hash into a log

        assert row is not None  # noqa: S101  (an INSERT without a condition)
        return User(*row)

    async def find(self, user_id: UUID) -> User | None:
        """Return the user with this id."""
        return await self._find(_BY_ID, user_id)

    async def find_by_login(self, identifier: str) -> User | None:
        """Return the user with this username or, if it contains an ``@``, this e-mail address.

        Text that could be neither finds nobody, without asking the database.
        """
        try:
            if "@" in identifier:
                return await self._find(_BY_EMAIL, Email.parse(identifier).key)
            return await self._find(_BY_USERNAME, Username.parse(identifier).key)
        except IdentityError:
            return None

    async def update_profile(
        self,
        user_id: UUID,
        changes: ProfileChanges,
        *,
        by: UUID | None = None,
        origin: Origin = SERVICE,
    ) -> User | None:
        """Change the name, the e-mail address or both, as session ``by`` asked for. Raises `EmailTaken`.

        Another address is not verified yet; the same one again stays as verified as it was.
        """
        values: dict[str, Any] = {}
        if not isinstance(changes.name, Unchanged):
            values |= {"name": changes.name}
        if not isinstance(changes.email, Unchanged):
            address = _email(changes.email)
            same = users.c.email == address["email"]
            values |= address | {"email_verified": case((same, users.c.email_verified), else_=false())}
        if not values:
            return await self.find(user_id)
        try:
            values |= {"version": users.c.version + 1, "updated_at": self._clock()}
            changed = ",".join(name for name in ("name", "email") if name in values)
            return await self._update(
                Event(EventName.PROFILE_CHANGED, origin, user_id, by, reason=changed), **values
            )
        except IntegrityError as error:
            raise _taken(error) from None

    async def replace_password_hash(
        self, user_id: UUID, old: str, new: str, *, origin: Origin = SERVICE
    ) -> bool:
        """Store another hash of the same password; False if ``old`` is not the current one any more."""
        statement = update(users).where(_has_hash(user_id, old)).values(password_hash=new)
        event = Event(EventName.PASSWORD_REHASHED, origin, user_id)
        return await self._record(statement.returning(users.c.id), event) is not None

    async def change_password(
        self,
        user_id: UUID,
        old_hash: str,
        new_hash: str,
        *,
        keep_session: UUID | None,
        origin: Origin = SERVICE,
    ) -> int | None:
        """Store the hash of another password and end all sessions but ``keep_session``.

        Returns the new session epoch; None if ``old_hash`` is not the current one any more.
        """
        raised = raised_epoch(by=keep_session, keep=keep_session is not None)
        event = Event(EventName.PASSWORD_CHANGED, origin, user_id, keep_session)
        return await self._raise_epoch(_has_hash(user_id, old_hash), event, password_hash=new_hash, **raised)

    async def end_all_sessions(
        self, user_id: UUID, *, by: UUID | None, keep: bool, origin: Origin = SERVICE
    ) -> int | None:
        """End all sessions on behalf of session ``by``; with ``keep`` all but that one.

        Returns the new session epoch; None if there is no such user.
        """
        name = EventName.OTHER_SESSIONS_ENDED if keep else EventName.ALL_SESSIONS_ENDED
        event = Event(name, origin, user_id, by)
        return await self._raise_epoch(users.c.id == user_id, event, **raised_epoch(by=by, keep=keep))

    async def end_session(
        self,
        user_id: UUID,
        session_id: UUID,
        until: datetime,
        *,
        why: EventName = EventName.SESSION_REVOKED,
        origin: Origin = SERVICE,
    ) -> None:
        """Remember until its absolute deadline that this session was ended, and record ``why``.

        May be repeated; only the first time is an event.
        """
        if self._database.is_sqlite:
            await self.end_sessions(user_id, [session_id], until, why=why, origin=origin)
            return
        values = {"ended_session": session_id, "ended_user": user_id, "ended_until": until}
        with suppress(IntegrityError):  # the user is gone, and the session is over for that reason
            await _END.record(self._database, values, Event(why, origin, user_id, session_id), self._clock())

    async def end_sessions(
        self,
        user_id: UUID,
        session_ids: Iterable[UUID],
        until: datetime,
        *,
        why: EventName = EventName.SESSION_REVOKED,
        origin: Origin = SERVICE,
    ) -> None:
        """Remember it of several sessions, whose last absolute deadline is ``until``."""
        # In a fixed order, so that two overlapping calls wait for each other instead of deadlocking.
        ids = sorted(set(session_ids))
        if not ids:
            return
        dialect = sqlite if self._database.is_sqlite else postgresql
        now = self._clock()
        with suppress(IntegrityError):  # as above
            async with self._database.write() as connection:
                for each in ids:
                    row = {"session_id": each, "user_id": user_id, "expires_at": until}
                    event = Event(why, origin, user_id, each)
                    await record(connection, _tombstone(dialect.insert(ended_sessions), row), event, now)

    async def find_standing(self, user_id: UUID, session_id: UUID) -> Standing | None:
        """Return what is known about this session; None if there is no such user."""
        return await self._database.await_visit(self._standings((user_id, session_id)))

    async def _find_standings(self, asked: Iterable[Asked]) -> dict[Asked, Standing]:
        if not self._database.is_sqlite:
            rows = await self._database.run(_STANDINGS, _columns(asked))
            return {(user_id, session_id): Standing(*rest) for user_id, session_id, *rest in rows}
        async with self._database.read() as connection:
            found = {}
            for user_id, session_id in asked:
                row = (await connection.execute(_standing(user_id, session_id))).one_or_none()
                if row is not None:
                    found[user_id, session_id] = Standing(*row)
            return found

    async def delete(
        self, user_id: UUID, password_hash: str, *, by: UUID | None = None, origin: Origin = SERVICE
    ) -> bool:
        """Delete the user, as session ``by`` asked for; False if this is not the current hash any more."""
        statement = delete(users).where(_has_hash(user_id, password_hash)).returning(users.c.id)
        event = Event(EventName.USER_DELETED, origin, user_id, by)
        return await self._record(statement, event) is not None

    async def set_disabled(
        self,
        user_id: UUID,
        disabled: bool,  # noqa: FBT001 - the method's name says what the value means
        *,
        origin: Origin = SERVICE,
    ) -> User | None:
        """Shut a user out, which ends all their sessions, or let them in again. May be repeated."""
        if not disabled:
            event = Event(EventName.USER_ENABLED, origin, user_id)
            return await self._update(event, version=users.c.version + 1, disabled_at=None)
        since = func.coalesce(users.c.disabled_at, self._clock())
        raised = raised_epoch(by=None, keep=False)
        event = Event(EventName.USER_DISABLED, origin, user_id)
        return await self._update(event, version=users.c.version + 1, disabled_at=since, **raised)

    async def forget_ended_sessions(self) -> int:
        """Forget ended sessions that would be over by now anyway; return how many.

        Some at a time, each time in a transaction of its own: all at once could take longer than a visit may.
        """
        ended_session = ended_sessions.c.session_id
        over = select(ended_session).where(ended_sessions.c.expires_at <= self._clock())
        statement = delete(ended_sessions).where(ended_session.in_(over.limit(_MOST_FORGOTTEN_AT_ONCE)))
        forgotten = 0
        while True:
            async with self._database.write_alone() as connection:
                number = (await connection.execute(statement)).rowcount
            forgotten += number
            if number < _MOST_FORGOTTEN_AT_ONCE:
                return forgotten

    async def _find(self, by: Prepared, wanted: UUID | str) -> User | None:
        for row in await self._database.run(by, {"wanted": wanted}):
            return User(*row)
        return None

    async def _update(self, event: Event, **values: Any) -> User | None:
        statement = update(users).where(users.c.id == event.user_id).values(**values).returning(*_USER)
        row = await self._record(statement, event)
        return None if row is None else User(*row)

    async def _raise_epoch(self, condition: ColumnElement[bool], event: Event, **values: Any) -> int | None:
        statement = update(users).where(condition).values(**values).returning(users.c.session_epoch)
        row = await self._record(statement, event)
        return None if row is None else row.session_epoch

    async def _record(self, fact: Fact, event: Event) -> Row[*tuple[Any, ...]] | None:
        async with self._database.write_alone() as connection:
            return await record(connection, fact, event, self._clock())


def _what_stands(session_id: UUID | ColumnElement[UUID]) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of a `Standing`."""
    moved_by_it = func.coalesce(users.c.epoch_moved_by == session_id, false())
    return (
        users.c.disabled_at.is_(None),
        users.c.session_epoch,
        required_epoch(session_id),
        ended_sessions.c.session_id.is_not(None),
        moved_by_it & users.c.epoch_before.is_(None),
    )


def _standing(user_id: UUID, session_id: UUID) -> Select[Any]:
    tombstone = and_(ended_sessions.c.session_id == session_id, ended_sessions.c.user_id == users.c.id)
    found = users.outerjoin(ended_sessions, tombstone)
    return select(*_what_stands(session_id)).select_from(found).where(users.c.id == user_id)


def _standings() -> Select[Any]:
    """Ask for many at once; two arrays, so that the statement is one and the same for any number."""
    ids = (bindparam(name, type_=postgresql.ARRAY(Uuid)) for name in ("user_ids", "session_ids"))
    rows = func.unnest(*ids).table_valued(column("user_id", Uuid), column("session_id", Uuid), name="asked")
    asked = rows.render_derived()
    user_id, session_id = asked.c.user_id, asked.c.session_id
    tombstone = and_(ended_sessions.c.session_id == session_id, ended_sessions.c.user_id == users.c.id)
    found = asked.join(users, users.c.id == user_id).outerjoin(ended_sessions, tombstone)
    return select(user_id, session_id, *_what_stands(session_id)).select_from(found)


_STANDINGS = Prepared(_standings())


def _tombstone(insertion: postgresql.Insert | sqlite.Insert, row: Mapping[str, Any]) -> Fact:
    return insertion.values(row).on_conflict_do_nothing().returning(ended_sessions.c.session_id)


_END = FrequentFact(
    _tombstone(
        postgresql.insert(ended_sessions),
        {
            "session_id": bindparam("ended_session"),
            "user_id": bindparam("ended_user"),
            "expires_at": bindparam("ended_until"),
        },
    )
)


def _columns(asked: Iterable[Asked]) -> dict[str, list[UUID]]:
    pairs = list(asked)
    return {"user_ids": [user for user, _ in pairs], "session_ids": [session for _, session in pairs]}


def _has_hash(user_id: UUID, password_hash: str) -> ColumnElement[bool]:
    return and_(users.c.id == user_id, users.c.password_hash == password_hash)


def _email(email: Email | None) -> dict[str, str | None]:
    if email is None:
        return {"email": None, "email_key": None}
    return {"email": email.address, "email_key": email.key}


def _taken(error: IntegrityError) -> Taken | IntegrityError:
    """Tell which unique constraint failed: asyncpg names it, SQLite's message names the column."""
    place = getattr(error.orig and error.orig.__cause__, "constraint_name", None) or str(error.orig)
    if "username_key" in place:
        return UsernameTaken()
    return EmailTaken() if "email_key" in place else error
