"""Replays a counter-example of a broken variant step by step on the real flows and stores, and judges it.

Each kind of step is one method, found by the form of its line. The judging is the model's: the same
properties, over what the real service answered.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.model.turnstile import Request
from tests.support.clock import SettableClock
from tests.support.redis_time import RedisTime, ReplicaCopy
from tests.support.service import PASSWORD

from authsvc.errors import ForgedRefreshToken, InvalidRefreshToken, NotAuthenticated
from authsvc.flows.client import Client
from authsvc.flows.issue_tokens import TokenPair
from authsvc.flows.log_out import Scope
from authsvc.kit.redis import RedisClient
from authsvc.sessions.session import Rotation
from authsvc.wiring import Flows

LIFE = timedelta(minutes=30)
PERIOD = LIFE / 3 + timedelta(seconds=5)
"""Longer than the grace window and an access token; after three of them the absolute deadline is past."""

CLIENT = Client("203.0.113.7", "curl/8")
BROWSER = {"tab1", "tab2", "thief", "owner"}
"""Who uses the session that is there from the beginning; the phone logs in to its own."""


@dataclass(frozen=True)
class Trace:
    name: str
    breaks: str
    steps: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "Trace":
        _, told, *steps = path.read_text().splitlines()
        found = re.match(r"# breaks (\w\d): ", told)
        assert found is not None, path
        return cls(path.stem, found[1], tuple(steps))


@dataclass
class Held:
    """One session, as those know it who use it."""

    id: UUID
    access_token: str
    started_at: datetime
    proven_at: int
    generations: dict[int, str] = field(default_factory=dict)
    generation: int = 1
    ended: bool = False
    acknowledged: bool = False
    stolen: bool = False


@dataclass
class Pending:
    """A request, and whether the end of its session had been acknowledged when it was invoked."""

    request: Request
    late: bool


class Replay:
    def __init__(self, flows: Flows, redis: RedisClient, clock: SettableClock, time: RedisTime) -> None:
        self.broken: set[str] = set()
        self._flows = flows
        self._redis = redis
        self._clock = clock
        self._time = time
        self._sessions: dict[str, Held] = {}
        self._pending: dict[str, Pending] = {}
        self._calls = 0
        self._proven_at = 0
        self._raised_at = 0
        self._raised_by: dict[str, int] = {}
        self._acknowledged_at = 0
        self._advanced: list[tuple[UUID, int]] = []
        self._successors: dict[str, str] = {}
        self._copy: ReplicaCopy | None = None

    async def begin(self, user_id: UUID) -> None:
        self._time.users.append(user_id)
        await self._time.settle()
        self._redis._met.add("the server at the beginning")  # a stand-in does not tell
        pair = await Request(self._flows.log_in, self._seen, "ada", PASSWORD, CLIENT).answer()
        self._sessions["browser"] = self._started(pair)
        await self._flows.show_user(pair.access_token)  # so that the service has met its Redis server

    async def step(self, line: str) -> None:
        for form, method in STEPS.items():
            if (found := re.fullmatch(form, line)) is not None:
                await method(self, *found.groups())
                await self._watch_generations()
                return
        raise AssertionError(f"no such step: {line}")

    async def end(self) -> None:
        """Let requests that the trace left under way come to their end."""
        for pending in self._pending.values():
            await pending.request.answer()

    # The steps

    async def refresh_asks_postgres(self, actor: str, generation: str) -> None:
        token = self._session(actor).generations[int(generation)]
        await self._invoke(actor, self._flows.refresh, token).one_step()

    async def refresh_reads_redis(self, actor: str, generation: str) -> None:
        """A step of broken variants alone: here one script reads, decides and writes."""
        assert actor in self._pending, generation

    async def refresh_asks_redis(self, actor: str, generation: str) -> None:
        session = self._session(actor)
        pair = await self._answer(actor)
        if pair is None:
            return
        presented = session.generations[int(generation)]
        if self._successors.setdefault(presented, pair.refresh_token) != pair.refresh_token:
            self.broken.add("S3")
        session.generations[self._generation_of(pair)] = pair.refresh_token
        session.access_token = pair.access_token

    async def loses_the_answer(self, actor: str) -> None:
        """The client knows nothing of the successor: its next step presents the old generation again."""
        assert actor not in self._pending

    async def steals(self, generation: str) -> None:
        """The thief has the same text; from here on a refusal has a cause."""
        session = self._session("thief")
        assert int(generation) in session.generations
        session.stolen = True

    async def forge(self, generation: str) -> None:
        session = self._session("thief")
        genuine = urlsafe_b64decode(next(iter(session.generations.values())).removeprefix("rt1_"))
        forged = genuine[:51] + int(generation).to_bytes(4, "big") + genuine[55:]
        before = await self._stored(session)
        try:
            await self._flows.refresh("rt1_" + urlsafe_b64encode(forged).decode())
        except ForgedRefreshToken:
            pass
        else:
            self.broken.add("S5")
        if await self._stored(session) != before:
            self.broken.add("S5")

    async def show_user(self, actor: str) -> None:
        self._invoke(actor, self._flows.show_user, self._session(actor).access_token)
        await self._answer(actor)

    async def log_in_proves_the_password(self, actor: str) -> None:
        request = Request(self._flows.log_in, self._seen, "ada", PASSWORD, CLIENT)
        self._pending[actor] = Pending(request, late=False)
        await request.one_step()

    async def log_in_asks_redis(self, actor: str) -> None:
        self._sessions["phone"] = self._started(await self._pending.pop(actor).request.answer())

    async def log_out_begins(self, actor: str, scope: str) -> None:
        session = self._session(actor)
        session.ended = session.ended or scope != "others"
        request = self._invoke(actor, self._flows.log_out, session.access_token, None, Scope(scope))
        await request.one_step()

    async def log_out_goes_on(self, actor: str) -> None:
        await self._pending[actor].request.one_step()

    async def log_out_raises_the_epoch(self, actor: str) -> None:
        await self._pending[actor].request.one_step()
        self._raised_by[actor] = self._raised_at
        for held in self._ended_by(actor):
            held.ended = True

    async def log_out_asks_redis(self, actor: str, scope: str) -> None:
        pending = self._pending.pop(actor)
        await pending.request.answer()
        if scope != "others":
            self._session(actor).acknowledged = True
        if scope != "current":
            for held in self._ended_by(actor):
                held.acknowledged = True
            self._acknowledged_at = max(self._acknowledged_at, self._raised_by[actor])
            if pending.late:
                self.broken.add("S1")

    async def time_passes(self) -> None:
        self._clock.advance(PERIOD)
        await self._time.settle()

    async def replica_copies(self) -> None:
        self._copy = await self._time.copy()

    async def replica_takes_over(self) -> None:
        assert self._copy is not None
        await self._time.put_back(self._copy)
        self._clock.advance(timedelta(seconds=1))
        self._redis._met.add("the server that was the replica")
        for held in self._sessions.values():
            held.generation = 1  # what a failover loses is no decrease that the service made

    # The judging

    def _session(self, actor: str) -> Held:
        return self._sessions["browser" if actor in BROWSER else actor]

    def _invoke(self, actor: str, flow: Any, *args: Any) -> Request:
        request = Request(flow, self._seen, *args)
        self._pending[actor] = Pending(request, self._session(actor).acknowledged)
        return request

    async def _answer(self, actor: str) -> Any:
        pending, session = self._pending.pop(actor), self._session(actor)
        is_over = self._clock() >= session.started_at + LIFE
        try:
            answer = await pending.request.answer()
        except (NotAuthenticated, InvalidRefreshToken):
            if not (session.ended or session.stolen or is_over):
                self.broken.add("L1")
            return None
        if pending.late:
            self.broken.add("S1")
        if is_over:
            self.broken.add("S6")
        return answer

    def _seen(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        self._calls += 1
        if name == "find_by_login":
            self._proven_at = self._calls
        elif name == "end_all_sessions":
            self._raised_at = self._calls
        elif name == "rotate" and isinstance(result, Rotation) and not result.replayed:
            advanced = (args[0].session_id, args[0].generation)
            if advanced in self._advanced:
                self.broken.add("S2")
            self._advanced.append(advanced)

    def _started(self, pair: TokenPair) -> Held:
        is_ended = self._proven_at < self._acknowledged_at
        return Held(
            id=pair.session_id,
            access_token=pair.access_token,
            started_at=self._clock(),
            proven_at=self._proven_at,
            generations={1: pair.refresh_token},
            ended=is_ended,
            acknowledged=is_ended,
        )

    def _ended_by(self, actor: str) -> list[Held]:
        mine = self._session(actor)
        return [
            held
            for held in self._sessions.values()
            if held is not mine and held.proven_at < self._raised_by[actor]
        ]

    def _generation_of(self, pair: TokenPair) -> int:
        return self._flows.refresh.refresh_tokens.verify(pair.refresh_token).generation

    async def _stored(self, session: Held) -> dict[bytes, bytes]:
        [fields] = await self._time.sessions([(self._time.users[0], session.id)])
        return fields

    async def _watch_generations(self) -> None:
        for session in self._sessions.values():
            stored = await self._stored(session)
            if stored:
                generation = int(stored[b"g"])
                if generation < session.generation:
                    self.broken.add("S4")
                session.generation = generation


Step = Callable[..., Awaitable[None]]

STEPS: dict[str, Step] = {
    r"(\w+) refresh (\d+): asks Postgres": Replay.refresh_asks_postgres,
    r"(\w+) refresh (\d+): reads Redis": Replay.refresh_reads_redis,
    r"(\w+) refresh (\d+): asks Redis, (?:gets \d+|is refused)": Replay.refresh_asks_redis,
    r"(\w+) loses the answer": Replay.loses_the_answer,
    r"thief steals (\d+)": Replay.steals,
    r"thief forge (\d+): is refused": Replay.forge,
    r"(\w+) show_user: asks Redis, is answered": Replay.show_user,
    r"(\w+) log_in: proves the password": Replay.log_in_proves_the_password,
    r"(\w+) log_in: asks Redis, is signed in": Replay.log_in_asks_redis,
    r"(\w+) log_out (current): asks Postgres": Replay.log_out_begins,
    r"(\w+) log_out (others): looks up": Replay.log_out_begins,
    r"(\w+) log_out others: asks Postgres": Replay.log_out_goes_on,
    r"(\w+) log_out others: raises the epoch": Replay.log_out_raises_the_epoch,
    r"(\w+) log_out (current|others): asks Redis, is answered": Replay.log_out_asks_redis,
    r"time passes": Replay.time_passes,
    r"replica copies": Replay.replica_copies,
    r"replica takes over": Replay.replica_takes_over,
}
"""Every kind of step that the traces have."""
