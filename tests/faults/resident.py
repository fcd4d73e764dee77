"""A user who goes on living while things break, and knows afterwards what was promised."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from tests.faults.watching import SILENT, Log
from tests.races.connection import Answer, Instance
from tests.races.history import Act, Deed, History, Kind, Operation, Outcome, now
from tests.races.lane import Held, Lane, serial

_PAUSE = 0.12  # seconds between two things that one user does
_AFTER_FAILURE = 0.3  # sooner than Retry-After asks for, so that recovery is seen early
_TRIES = 5
_KEPT = 4  # how many ended sessions each user tries again at the end


class Resident(Lane):
    """Does one thing at a time, with one or two sessions."""

    def __init__(self, service: Any, log: Log, seed: int) -> None:
        super().__init__(service, History(), seed)
        self.log = log
        self.clock_lies = False
        self.sessions_may_vanish = False
        self.candidates: list[str] = []  # the acknowledged password first, then those of unknown fate
        self.replaced: list[str] = []  # passwords that an acknowledged change has replaced
        self.names: list[str | None] = [None]  # likewise, of what is shown
        self.promised: list[str] = []  # names whose registration was acknowledged
        self.ended: list[Held] = []  # sessions whose end was acknowledged
        self.suspects: set[str] = set()  # sessions that may be over by something that we did
        self.held: Held | None = None
        self.changed = False  # whether the password has been changed since it was last looked at
        self.last_status = 0

    def begin(self, history: History, log: Log) -> None:
        """Start with a clean sheet, but with what was promised before."""
        self.history, self.log = history, log
        self.ended, self.suspects = [], set()
        self.live, self._ends_of_all = [], []
        self.held = None

    async def settle(self) -> None:
        """Register, once, in quiet times."""
        for _ in range(_TRIES - 1):
            with contextlib.suppress(RuntimeError):  # nobody could register: the machine is busy
                await self.new_user()
                break
        else:
            await self.new_user()
        self.candidates = [self.password]
        self.promised.append(self.name)

    async def live_on(self, stop: asyncio.Event) -> None:
        """Do this and that until told to stop."""
        deeds = [
            (self.look_around, 40), (self.renew, 25), (self.come_and_go, 8), (self.invite, 5),
            (self.rename, 5), (self.renew_password, 5), (self.lose_a_reply, 5), (self.be_robbed, 4),
        ]  # fmt: skip
        while not stop.is_set():
            if self.held is None:
                await self.come()
            else:
                [deed] = self.random.choices([deed for deed, _ in deeds], [weight for _, weight in deeds])
                await deed()
            pause = _AFTER_FAILURE if self.last_status in (SILENT, 503) else _PAUSE
            await asyncio.sleep(pause * self.random.uniform(0.6, 1.4))

    # What one does

    async def come(self) -> None:
        """Log in, with the password that should open."""
        refused = 0
        for password in [self.password, *(each for each in self.candidates if each != self.password)]:
            held = await self.log_in(password)
            if held is not None:
                self.password, self.held = password, held
                return
            refused += self.last_status == 401
            if self.last_status != 401:
                return
        if refused == len(self.candidates):
            self.log.accuse(f"POST /login: 401 for every password that {self.name} can have")

    async def look_around(self) -> None:
        assert self.held is not None
        await self.look(self.held)

    async def renew(self) -> None:
        assert self.held is not None
        await self.refresh(self.held)

    async def come_and_go(self) -> None:
        held = self.held
        assert held is not None
        self.suspects.add(held.id)
        await self.log_out(held)
        if self.last_status == 204:
            self.ended.append(held)
            self.held = None
            self.live.remove(held)

    async def invite(self) -> None:
        """Register somebody else."""
        name, password = f"guest-{next(serial)}", f"a guest has the password {next(serial)}"
        answer = await self._as(name, "/register", {"username": name, "password": password})
        if answer.status == 201:
            self.promised.append(name)

    async def _as(self, name: str, path: str, body: dict[str, str]) -> Answer:
        invoked = now()
        answer = await self.any().ask("POST", path, body)
        self.last_status = answer.status
        self.history.acts.append(Act(Deed.REGISTER, name, invoked, now(), answer.status))
        return answer

    async def rename(self) -> None:
        assert self.held is not None
        name = f"Name {next(serial)}"
        invoked = now()
        answer = await self.any().ask("PATCH", "/user", {"name": name}, self.held.access_token)
        if not self._is_of_the_clock(answer):
            self._ask(self.held, invoked, answer)
        if answer.status == 200:
            self.names = [name]
            if answer.fields["id"] != self.user_id:
                self.log.accuse("PATCH /user: another user's record")
        elif answer.status != 401:
            self.names.append(name)

    async def renew_password(self) -> None:
        """Only when it is certain what it is: a wrong one would be refused rightly."""
        held = self.held
        if held is None or len(self.candidates) > 1 or self.clock_lies:
            return
        old, self.changed = self.password, True
        self.suspects.update(each.id for each in self.live if each is not held)
        await self.change_password(held)
        if self.password != old:
            self.replaced.append(old)
            self.candidates = [self.password]
            self.ended += [each for each in self.live if each is not held]
            self.live = [held]

    async def change_password(self, by: Held) -> None:
        self._tried = ""
        await super().change_password(by)
        if self._tried and self.last_status in (SILENT, 503):
            self.candidates.append(self._tried)

    async def lose_a_reply(self) -> None:
        """Hang up, and ask again."""
        held = self.held
        assert held is not None
        newest = held.newest
        # The lost one may arrive after two others, and then it is a reuse; the history is judged for that.
        self.suspects.add(held.id)
        await self.lose_a_refresh(held)
        await self.refresh(held, newest)

    async def be_robbed(self) -> None:
        """Somebody took an old token, and presents it: the session must end."""
        held = self.held
        assert held is not None
        if held.newest < 3:
            return
        self.suspects.add(held.id)
        await self.refresh(held, held.newest - 2)
        await self.look(held)
        if self.last_status == 401:
            self.ended.append(held)
        self.held = None

    # How it is written down

    async def look(self, held: Held, instance: Instance | None = None) -> None:
        if not self.clock_lies:
            await super().look(held, instance)
            return
        invoked = now()
        answer = await (instance or self.any()).ask("GET", "/user", bearer=held.access_token)
        self.last_status = answer.status
        if not self._is_of_the_clock(answer):
            owner = answer.fields["id"] if answer.status == 200 else ""
            self._note(Kind.LOOK, held, invoked, answer, owner=owner)

    def _is_of_the_clock(self, answer: Answer) -> bool:
        """Whether an access token is refused because of what the service takes for the time."""
        self.last_status = answer.status
        return self.clock_lies and answer.status == 401 and answer.fields["code"] == "invalid_token"

    async def _act(
        self, deed: Deed, instance: Instance, path: str, body: dict[str, str], password: str = "",
        bearer: str = "",
    ) -> Answer:  # fmt: skip
        answer = await super()._act(deed, instance, path, body, password, bearer)
        self.last_status = answer.status
        self._tried = body.get("new_password", "")
        return answer

    def _note(
        self, kind: Kind, held: Held, invoked: int, answer: Answer, *, generation: int = 0,
        successor: str = "", successor_generation: int = 0, owner: str = "", retry: bool = False,
    ) -> None:  # fmt: skip
        self.last_status = answer.status
        if owner and owner != self.user_id:
            self.log.accuse(f"{kind.value}: shows {owner} to {self.user_id}")
        if answer.status == 401 and held.id not in self.suspects:
            if not self.sessions_may_vanish:
                self.log.accuse(f"{kind.value}: 401 {answer.fields.get('code')} for a valid token")
            self.suspects.add(held.id)
        if answer.status == 401 and held is self.held:
            self.held = None
        if kind is Kind.LOOK and answer.status in (SILENT, 503):
            return  # it changes nothing, whenever it happened
        super()._note(
            kind, held, invoked, answer, generation=generation, successor=successor,
            successor_generation=successor_generation, owner=owner, retry=retry,
        )  # fmt: skip

    def let_sessions_vanish(self) -> None:
        """From now on, and once, each session may be over: what held them was emptied."""
        self.sessions_may_vanish = True
        for id_ in list(self.history.operations):
            self.history.note(Operation(Kind.END, id_, now(), 2**63, Outcome.UNKNOWN))

    # Afterwards

    async def take_stock(self) -> None:
        """Try again what was ended, and see whether the newest session and the password still open."""
        for held in self.ended[-_KEPT:]:
            await self.look(held)
            await self.read_stored(held)
            await self.refresh(held)
        if self.held is not None:
            await self.look(self.held)
        if self.held is not None:
            await self.refresh(self.held)
        if self.replaced:
            await self._try(lambda: self.log_in(self.replaced[-1]))
            if self.last_status != 401:
                self.log.accuse(f"POST /login: {self.last_status} with a password that was replaced")
            self.replaced.clear()
        if len(self.candidates) == 1 and not self.changed:
            return
        self.changed, self.held = False, None
        await self._try(self.come)
        if self.last_status != 200:
            self.log.accuse(f"POST /login: {self.last_status} afterwards")
        elif self.held is not None:
            self.candidates = [self.password]

    async def _try(self, deed: Callable[[], Awaitable[object]]) -> None:
        """Do it, and again where a busy machine has no time for the hash."""
        for _ in range(_TRIES):
            await deed()
            if self.last_status != 503:
                return
