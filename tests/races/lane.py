"""One user of the service with some sessions, and everything that can be done to them, written down."""

import asyncio
import random
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from uuid import UUID

from tests.races.connection import Answer, Instance
from tests.races.history import NEVER, Act, Deed, History, Kind, Operation, Outcome, digest, now
from tests.races.service import PREFIX, RunningService

from authsvc.keyspace import Keyspace

_KEYS = Keyspace(PREFIX)
_NOT_NOW = 503  # an honest answer of a service that has too much to do
_PATIENCE = 10
serial = count()


@dataclass
class Held:
    """A session as its client holds it: the newest tokens, and the older refresh tokens."""

    id: str
    access_token: str
    refresh_tokens: dict[int, str] = field(default_factory=dict)

    @property
    def newest(self) -> int:
        """The newest generation."""
        return max(self.refresh_tokens)


class Lane:
    """Lanes share nothing but the service, so that a round of one never disturbs a round of another."""

    def __init__(self, service: RunningService, history: History, seed: int) -> None:
        self.service = service
        self.history = history
        self.random = random.Random(seed)  # noqa: S311  (chooses races, not secrets)
        self.name = self.user_id = self.password = ""
        self.live: list[Held] = []  # the sessions that nobody has ended
        self._ends_of_all: list[tuple[int, int, Outcome]] = []  # invoked, ended, outcome

    def any(self) -> Instance:
        """Return one of the instances."""
        return self.random.choice(self.service.instances)

    # Users

    async def new_user(self) -> None:
        """Register somebody, several times at once: under one name, written differently."""
        self.name = f"racer-{next(serial)}"
        self.password = f"the first password of {next(serial)} racers"
        self.live, self._ends_of_all = [], []
        names = [self.name, self.name.upper()]
        answers = await asyncio.gather(*(self._register(name) for name in names))
        made = [answer for answer in answers if answer.status == 201]
        if not made:
            raise RuntimeError(f"nobody could register: {[answer.status for answer in answers]}")
        self.user_id = made[0].fields["id"]
        self.history.acts.append(Act(Deed.SET_PASSWORD, self.name, 0, 0, 204, digest(self.password)))

    async def _register(self, name: str) -> Answer:
        body = {"username": name, "password": self.password}
        return await self._act(Deed.REGISTER, self.any(), "/register", body)

    async def log_in(self, password: str = "", instance: Instance | None = None) -> Held | None:
        """Log in; None if it was refused."""
        password = password or self.password
        invoked = now()
        body = {"username": self.name, "password": password}
        answer = await self._act(Deed.LOG_IN, instance or self.any(), "/login", body, digest(password))
        if answer.status != 200:
            return None
        pair = answer.fields
        held = Held(pair["session_id"], pair["access_token"], {1: pair["refresh_token"]})
        self._note(Kind.START, held, invoked, answer, owner=self.user_id)
        for end in self._ends_of_all:  # what was answered during this login may have ended its session
            if end[1] > invoked:
                self.history.note(Operation(Kind.END, held.id, *end))
        self.live.append(held)
        return held

    async def session(self) -> Held:
        """Return a new session, as soon as the service has time for it."""
        for _ in range(_PATIENCE):
            if (held := await self.log_in()) is not None:
                return held
        raise RuntimeError("logins with the right password are refused")

    async def guess(self) -> None:
        """Try a password that is wrong."""
        body = {"username": self.name, "password": "nobody ever had this one"}
        await self._act(Deed.GUESS, self.any(), "/login", body)

    async def change_password(self, by: Held) -> None:
        """Replace the password, which ends all sessions but ``by``."""
        new = f"the next password of {next(serial)} racers"
        invoked = now()
        body = {"current_password": self.password, "new_password": new}
        path = "/user/password"
        answer = await self._act(Deed.SET_PASSWORD, self.any(), path, body, digest(new), by.access_token)
        self._ask(by, invoked, answer)
        self._end_all(invoked, answer, but=by)
        if answer.status == 204:
            self.password = new

    async def disable(self) -> None:
        """Shut the user out, as an operator does."""
        invoked = now()
        await self.service.operator.set_user_disabled(self.name, disabled=True)
        self._end_all(invoked, Answer(204, b""))

    async def enable(self) -> None:
        """Let the user in again."""
        await self.service.operator.set_user_disabled(self.name, disabled=False)

    async def delete(self, by: Held) -> None:
        """Delete the user."""
        invoked = now()
        answer = await self.any().ask("DELETE", "/user", {"password": self.password}, by.access_token)
        self._look_for_defect(answer)
        self._end_all(invoked, answer)

    # Sessions

    async def refresh(
        self, held: Held, generation: int = 0, instance: Instance | None = None, *, retry: bool = False
    ) -> None:
        """Present a refresh token: the newest, or that of a generation."""
        generation = generation or held.newest
        body = {"refresh_token": held.refresh_tokens[generation]}
        invoked = now()
        answer = await (instance or self.any()).ask("POST", "/refresh_jwt", body)
        if answer.status != 200:
            self._note(Kind.REFRESH, held, invoked, answer, generation=generation, retry=retry)
            return
        pair = answer.fields
        token = pair["refresh_token"]
        successor = int.from_bytes(urlsafe_b64decode(token.removeprefix("rt1_"))[51:55], "big")
        held.refresh_tokens.setdefault(successor, token)
        held.access_token = pair["access_token"]
        self._note(
            Kind.REFRESH, held, invoked, answer, generation=generation, successor=digest(token),
            successor_generation=successor, retry=retry,
        )  # fmt: skip

    async def lose_a_refresh(self, held: Held) -> None:
        """Present the newest refresh token, and hang up."""
        body = {"refresh_token": held.refresh_tokens[held.newest]}
        invoked = now()
        await self.any().ask_and_hang_up("POST", "/refresh_jwt", body)
        lost = Operation(Kind.REFRESH, held.id, invoked, NEVER, Outcome.UNKNOWN, held.newest)
        self.history.note(lost)

    async def forge(self, held: Held) -> None:
        """Present a token that the service never signed."""
        token = held.refresh_tokens[held.newest]
        forged = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
        invoked = now()
        answer = await self.any().ask("POST", "/refresh_jwt", {"refresh_token": forged})
        self._note(Kind.FORGED, held, invoked, answer)

    async def look(self, held: Held, instance: Instance | None = None) -> None:
        """Ask who the session belongs to."""
        invoked = now()
        answer = await (instance or self.any()).ask("GET", "/user", bearer=held.access_token)
        owner = answer.fields["id"] if answer.status == 200 else ""
        self._note(Kind.LOOK, held, invoked, answer, owner=owner)

    async def log_out(self, held: Held, scope: str = "current") -> None:
        """End this session, the others, or all."""
        invoked = now()
        answer = await self.any().ask("POST", "/logout", {"scope": scope}, held.access_token)
        if scope == "current":
            self._end([held], invoked, answer)
        elif scope == "others":
            self._ask(held, invoked, answer)
            self._end_all(invoked, answer, but=held)
        else:
            self._end_all(invoked, answer)

    async def read_stored(self, held: Held) -> None:
        """Note which generation Redis holds."""
        key = _KEYS.session(UUID(self.user_id), UUID(held.id))
        invoked = now()
        stored = await self.service.redis.execute("HGET", key, "g")
        found = int(stored or 0)
        self.history.note(Operation(Kind.STORED, held.id, invoked, now(), Outcome.DONE, found))

    async def probe(self, *sessions: Held) -> None:
        """Look at sessions when nothing else is going on: what every instance says must fit together."""
        for held in sessions:
            for instance in self.service.instances:
                await self.look(held, instance)
            await self.read_stored(held)
            await self.refresh(held)
        self.live = [held for held in self.live if held not in sessions or self._is_alive(held)]

    def _is_alive(self, held: Held) -> bool:
        return self.history.operations[held.id][-1].outcome is Outcome.DONE

    # How it is written down

    async def _act(
        self, deed: Deed, instance: Instance, path: str, body: dict[str, str], password: str = "",
        bearer: str = "",
    ) -> Answer:  # fmt: skip
        invoked = now()
        answer = await instance.ask("POST", path, body, bearer)
        self.history.acts.append(Act(deed, self.name, invoked, now(), answer.status, password))
        self._look_for_defect(answer)
        return answer

    def _note(
        self, kind: Kind, held: Held, invoked: int, answer: Answer, *, generation: int = 0,
        successor: str = "", successor_generation: int = 0, owner: str = "", retry: bool = False,
    ) -> None:  # fmt: skip
        outcome = {200: Outcome.DONE, 204: Outcome.DONE, 401: Outcome.REFUSED}
        operation = Operation(
            kind, held.id, invoked, now(), outcome.get(answer.status, Outcome.UNKNOWN), generation, successor,
            successor_generation, owner, retry,
        )  # fmt: skip
        if operation.outcome is Outcome.UNKNOWN:
            operation = replace(operation, ended=NEVER)
        self.history.note(operation)
        self._look_for_defect(answer)

    def _ask(self, held: Held, invoked: int, answer: Answer) -> None:
        """Note that something was done which only a live session may do."""
        self._note(Kind.LOOK, held, invoked, answer)

    def _end(self, sessions: Iterable[Held], invoked: int, answer: Answer) -> None:
        """Note that sessions were ended, unless that was refused."""
        if answer.status != 401:
            for held in sessions:
                self._note(Kind.END, held, invoked, answer)

    def _end_all(self, invoked: int, answer: Answer, *, but: Held | None = None) -> None:
        """Note that the user's sessions were ended; those too whose login is not answered yet."""
        self._end((held for held in self.live if held is not but), invoked, answer)
        if answer.status == 204:
            self._ends_of_all.append((invoked, now(), Outcome.DONE))
        elif answer.status != 401:
            self._ends_of_all.append((invoked, NEVER, Outcome.UNKNOWN))

    def _look_for_defect(self, answer: Answer) -> None:
        if answer.status == _NOT_NOW:
            self.history.put_off += 1
        elif answer.status >= 500:
            self.history.defects.append(f"{answer.status} {answer.body[:200]!r}")
