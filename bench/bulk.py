"""Many users and sessions at once: what their registrations and logins would have left behind.

What is written is the stores' own: the session store says which script it would call with what, and the
calls are sent thousands at a time; users are copies of one that the user store added.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from itertools import chain, cycle, islice, repeat
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import hiredis
from sqlalchemy import Text, func, insert, literal, select, true

from authsvc.keyspace import Keyspace
from authsvc.kit.database import Database
from authsvc.kit.lua import Script
from authsvc.kit.redis import RedisClient
from authsvc.sessions.refresh_token import RefreshToken, new_secret
from authsvc.sessions.session import Lifetimes, NewSession
from authsvc.sessions.store import SessionStore
from authsvc.settings import Settings
from authsvc.users.identity import Email, Username
from authsvc.users.store import UserStore
from authsvc.users.tables import users
from authsvc.users.user import NewUser, User, public_record

AT_ONCE = 400  # some hundred kilobytes: what a socket takes at once
_ADDRESS = "2001:db8:7c1e:45a0:91d3:6bff:fe02:1d3a"
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1"
# In turns: five browsers (80 to 135 characters), an app (69), two clients of APIs (about 20).
USER_AGENTS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/142.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/151.0.0.0 Safari/537.36 Edg/151.0.0.0",
    f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) {_SAFARI} Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Example/3.2.1 (org.example.app; build:512; iOS 26.1.0) Alamofire/5.10",
    "PostmanRuntime/7.49.1",
    "python-httpx/0.28.1",
)
Call = tuple[Script, Sequence[Any], Sequence[Any]]
_FIELDS = tuple(User.__dataclass_fields__)


class _Notes:
    """Stands where a store expects Redis, and takes its script calls down instead of making them."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    async def run(self, script: Script, keys: Sequence[Any], args: Sequence[Any]) -> Any:
        self._calls.append((script, keys, args))
        return [b"started", 0, 1]

    def of(self, asked: Coroutine[Any, Any, Any]) -> Call:
        """Return the one call that ``asked`` makes."""
        try:
            asked.send(None)
        except StopIteration:
            return self._calls.pop()
        raise AssertionError("a store waited for something else than its script")


class Bulk:
    """Writes to the stores of ``settings``, past the service."""

    def __init__(self, settings: Settings, database: Database, store: UserStore) -> None:
        self.user_agents: Sequence[str] = USER_AGENTS
        self._database = database
        self._store = store
        self._redis = urlsplit(settings.redis_url.get_secret_value()).path
        self._notes = _Notes()
        self._sessions = SessionStore(
            cast("RedisClient", self._notes), Keyspace(settings.redis_prefix), Lifetimes()
        )

    async def register(self, number: int) -> list[UUID]:
        """Add so many users; return their ids."""
        name = f"u{uuid4().hex[:12]}"
        new = NewUser(Username.parse(name), "Ada Lovelace", Email.parse(f"{name}@example.org"), "x" * 97)
        one = await self._store.add(new)
        found = await self._copy(one, number)
        async with self._database.read() as connection:
            await connection.exec_driver_sql("VACUUM ANALYZE users")
        return found

    async def start(self, owners: Iterable[UUID]) -> list[RefreshToken]:
        """Start a session for each of ``owners``, who may be named again; return their refresh tokens."""
        started: list[RefreshToken] = []

        def calls() -> Iterator[Call]:
            for user_id, user_agent in zip(owners, cycle(self.user_agents), strict=False):
                token = RefreshToken(user_id, uuid4(), new_secret())
                started.append(token)
                yield self._notes.of(
                    self._sessions.start(
                        NewSession(
                            token.session_id,
                            user_id,
                            token.secret_digest,
                            0,
                            ("pwd",),
                            _ADDRESS,
                            user_agent,
                        )
                    )
                )

        await self._send(calls(), lambda reply: isinstance(reply, list) and reply[0] == b"started")
        return started

    async def keep_records(self, user_ids: Iterable[UUID]) -> None:
        """Put each user's public record where the look-up of a session finds it."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(*(users.c[name] for name in _FIELDS)).limit(1))).one()
        record = public_record(User(*row))
        calls = (self._notes.of(self._sessions.keep_record(user_id, 1, record)) for user_id in user_ids)
        await self._send(calls, lambda reply: reply == 1)

    async def _copy(self, one: User, number: int) -> list[UUID]:
        series = func.generate_series(1, number).table_valued("n", name="series").render_derived()
        fresh: dict[str, Any] = dict.fromkeys(("username", "username_key", "email", "email_key"))
        run = uuid4().hex[:12]
        for name in fresh:
            text = literal(f"u{run}x", Text).concat(series.c.n.cast(Text))
            fresh[name] = text.concat(literal("@example.org", Text)) if name.startswith("email") else text
        fresh["id"] = func.gen_random_uuid()
        rows = select(*(fresh.get(column.name, column) for column in users.c))
        rows = rows.select_from(users.join(series, true())).where(users.c.id == one.id)
        statement = insert(users).from_select([column.name for column in users.c], rows)
        async with self._database.write() as connection:
            return list((await connection.execute(statement.returning(users.c.id))).scalars())

    async def _send(self, calls: Iterator[Call], expected: Callable[[Any], bool]) -> None:
        reader, writer = await asyncio.open_unix_connection(self._redis)
        replies = hiredis.Reader()
        known: set[str] = set()
        expecting = 0

        async def receive(number: int) -> None:
            for _ in range(number):
                while (reply := replies.gets()) is False:
                    replies.feed(await reader.read(1 << 20))
                if not expected(reply):
                    raise RuntimeError(f"Redis replied {reply!r}")

        # Redis works on what it was sent last while the next is put together.
        while some := list(islice(calls, AT_ONCE)):
            words: list[tuple[Any, ...]] = []
            for script, keys, args in some:
                if script.sha not in known:
                    known.add(script.sha)
                    words.append(("EVAL", script.source))
                else:
                    words.append(("EVALSHA", script.sha))
                words[-1] += (len(keys), *keys, *args)
            writer.write(b"".join(_packed(each) for each in words))
            await receive(expecting)
            expecting = len(some)
        await receive(expecting)
        writer.close()
        await writer.wait_closed()


def _packed(words: tuple[Any, ...]) -> bytes:
    packed: bytes = hiredis.pack_command(words)
    return packed


def several_each(user_ids: Iterable[UUID], number: int) -> Iterator[UUID]:
    """Yield each user so often."""
    return chain.from_iterable(repeat(user_id, number) for user_id in user_ids)
