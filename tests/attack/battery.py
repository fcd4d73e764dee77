"""Runs cases one after another against a service, and writes down what is wrong."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.attack.attacked import Attacked, fresh, sign_in
from tests.attack.case import Case, Service
from tests.attack.digests import State, changes, forget_attempts, look
from tests.attack.judging import FURTHER, judge
from tests.attack.log_watch import LogWatch, judge_lines
from tests.attack.wire import PROBE, Exchange, Place, exchange

_NEW_TOKENS_AFTER = 600.0  # seconds: access tokens live for 15 minutes
_SHOWN = 4096

_GOOD = b"GET /user HTTP/1.1\r\nHost: auth.example.com\r\nAuthorization: Bearer <<bystander.access>>\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Finding:
    """A case and what is wrong with what came of it."""

    face: str
    group: str
    case: str
    sentence: str
    sent: bytes = field(repr=False)

    def __str__(self) -> str:
        shown = self.sent[:_SHOWN]
        cut = f" … {len(self.sent)} bytes in all" if len(self.sent) > _SHOWN else ""
        return f"[{self.face}] {self.group}: {self.case}\n    {self.sentence}\n    {shown!r}{cut}"


@dataclass
class Tally:
    """How many cases ran, and what was found, by group."""

    cases: dict[tuple[str, str], int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    outsiders_agree: bool = True

    def count(self, face: str, group: str) -> None:
        """Count a case."""
        self.cases[face, group] = self.cases.get((face, group), 0) + 1

    def of(self, face: str, group: str) -> int:
        """Return how many cases of a group failed."""
        return len({found.case for found in self.findings if (found.face, found.group) == (face, group)})


@dataclass
class Battery:
    """Fires cases at one face of a service: at itself, or at a proxy in front of it."""

    run: Attacked
    face: str
    places: Mapping[Service, Place]
    tally: Tally
    proxied: bool = False
    logs: tuple[Path, ...] = ()  # of the proxy
    say: Callable[[str], None] = lambda _: None
    patience: float = 1.0  # how many times longer than it should an answer may take on this machine
    _signed_in: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._watch = LogWatch(self.run.logs)
        self._watch_of_proxy = LogWatch(self.logs)
        self._watch.news()

    async def fire(self, groups: Mapping[str, Sequence[Case]]) -> None:
        """Run every case."""
        for group, all_cases in groups.items():
            began = time.monotonic()
            cases = [case for case in all_cases if self.face not in case.not_behind]
            if group == "slow":
                await self._fire_slow(group, cases)
            else:
                for case in cases:
                    await self._fire_or_tell(group, case)
            failed = self.tally.of(self.face, group)
            self._read_the_proxys_logs(group)
            seconds = time.monotonic() - began
            self.say(f"{self.face:<8} {group:<20} {len(cases):>4} cases {failed:>4} failed {seconds:>6.1f} s")

    async def _fire_or_tell(self, group: str, case: Case) -> None:
        try:
            await self._fire(group, case)
        except (RuntimeError, OSError, ValueError, LookupError) as error:
            self._write_down(group, case, [f"the battery could not go on: {error!r}"], b"")

    async def _fire(self, group: str, case: Case) -> None:
        if time.monotonic() - self._signed_in > _NEW_TOKENS_AFTER:
            await sign_in(self.run)
            self._signed_in = time.monotonic()
        if case.fresh:
            await fresh(self.run)
        await forget_attempts(self.run.redis)
        before = await look(self.run.database, self.run.redis)
        seen, sent = await self._send(case)
        wrong = list(judge(case, seen, self.run, proxied=self.proxied))
        wrong += self._changed(case, before, await look(self.run.database, self.run.redis))
        if case.then:
            wrong += await FURTHER[case.then](self.run, seen.answers)
        wrong += await self._still_serves()
        wrong += judge_lines(await asyncio.to_thread(self._watch.news), self.run.secrets)
        self._write_down(group, case, wrong, sent)

    async def _fire_slow(self, group: str, cases: Sequence[Case]) -> None:
        """Run them side by side: most of them only wait."""
        before = await look(self.run.database, self.run.redis)
        outcomes = await asyncio.gather(*(self._send(case) for case in cases))
        for case, (seen, sent) in zip(cases, outcomes, strict=True):
            self._write_down(group, case, judge(case, seen, self.run, proxied=self.proxied), sent)
        after = await look(self.run.database, self.run.redis)
        wrong = [sentence for _, sentence in changes(before, after)]
        wrong += await self._still_serves()
        wrong += judge_lines(await asyncio.to_thread(self._watch.news), self.run.secrets)
        self._write_down(group, cases[-1], wrong, b"", counted=False)

    async def _send(self, case: Case) -> tuple[Exchange, bytes]:
        place = self.places[case.service]
        for number in range(1, case.times + 1):
            last = number == case.times
            right = self.run.values["victim.password"]
            self.run.values |= {"n": str(number), "victim.password.sometimes": right if last else "wrong"}
            pieces = case.pieces(self.run)
            seen = await exchange(
                place,
                pieces,
                expected=case.answers,
                bodiless=case.is_head,
                closes=case.closes,
                within=case.within * self.patience,
                pause=case.pause,
                half_close=case.half_close,
                linger=case.linger,
            )
        return seen, b"".join(pieces)

    def _changed(self, case: Case, before: State, after: State) -> Iterator[str]:
        for what, sentence in changes(before, after):
            recorded = (
                what == "audit_events" and "added" in sentence and case.may_change
            )  # with what it tells of
            if what not in case.may_change and not recorded:
                yield sentence

    def _read_the_proxys_logs(self, group: str) -> None:
        """A proxy logs paths: what a client puts there is its own affair."""
        strayed = {self.run.values["stray.refresh"], self.run.values["stray.access"].rpartition(".")[2]}
        for line in self._watch_of_proxy.news():
            for secret in self.run.secrets - strayed:
                if secret in line:
                    sentence = f"the proxy's log holds a secret: {line[:200]!r}"
                    self.tally.findings.append(Finding(self.face, group, "the proxy's log", sentence, b""))

    async def _still_serves(self) -> list[str]:
        """The next good requests, on new connections, are answered as ever."""
        good = _GOOD.replace(b"<<bystander.access>>", self.run.values["bystander.access"].encode())
        seen = await exchange(self.places["open"], [good], within=10.0)
        statuses = [answer.status for answer in seen.answers]
        alive = await exchange(self.places["strict"], [PROBE], within=10.0)
        statuses += [answer.status for answer in alive.answers]
        return [] if statuses == [200, 200] else [f"the next good requests were answered {statuses}"]

    def _write_down(
        self, group: str, case: Case, wrong: Iterator[str] | list[str], sent: bytes, *, counted: bool = True
    ) -> None:
        if counted:
            self.tally.count(self.face, group)
        for sentence in dict.fromkeys(wrong):
            self.tally.findings.append(Finding(self.face, group, case.name, sentence, sent))
