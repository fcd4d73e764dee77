"""Judges a history: each promise by itself, and all of them together by linearisability. Pure.

A history is linearisable if every operation can be given one moment between its invocation and its end,
such that at these moments one session, doing one thing at a time, would have answered the same (Herlihy and
Wing, 1990). The search is the one of Wing and Gong (1993), remembering where it has been.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.races.history import Act, Deed, History, Kind, Operation, Outcome

NOT_YET, ENDED = 0, -1
"""States of a session; any other number is the generation of a live one."""


@dataclass
class Verdict:
    name: str
    promise: str
    checks: int = 0
    violations: list[str] = field(default_factory=list)

    def check(self, holds: bool, what: object) -> None:  # noqa: FBT001  (the answer to the check)
        self.checks += 1
        if not holds:
            self.violations.append(str(what))

    @property
    def holds(self) -> bool:
        """Whether it was looked for, and nothing was found."""
        return self.checks > 0 and not self.violations

    def __str__(self) -> str:
        state = "holds" if self.holds else "BROKEN" if self.violations else "NOT CHECKED"
        number = f"{self.checks:,}".replace(",", " ")
        lines = [f"{self.name:<4}{self.promise:<62} {state} ({number} checks)"]
        return "\n".join(lines + [f"      {each}" for each in self.violations[:3]])


def judge(history: History, *, limit: int) -> list[Verdict]:
    """Return a verdict for each promise. ``limit`` is how many wrong passwords an account allows."""
    s1 = Verdict("S1", "nothing succeeds after an acknowledged end")
    s2 = Verdict("S2", "a generation advances at most once")
    s3 = Verdict("S3", "a generation has one successor, to the byte")
    s4 = Verdict("S4", "a generation never decreases")
    s5 = Verdict("S5", "a forged token is refused")
    s7 = Verdict("S7", "a session belongs to one user")
    l1 = Verdict("L1", "a lost reply, asked for again, is answered")
    one = Verdict("LIN", "each session behaves as if it did one thing at a time")
    for operations in history.operations.values():
        _check_ends(operations, s1)
        _check_advances(operations, s2)
        _check_successors(operations, s3)
        _check_order(operations, s4)
        _check_owner(operations, s7)
        for each in operations:
            if each.kind is Kind.FORGED:
                s5.check(each.outcome is not Outcome.DONE, each)
            if each.retry and each.outcome is not Outcome.UNKNOWN:
                l1.check(each.outcome is Outcome.DONE, each)
        one.check(is_linearisable(operations), operations)
    s8, s9 = _check_limit(history.acts, limit), _check_rows(history)
    defects = Verdict("500", "no request meets a defect")
    defects.checks = sum(map(len, history.operations.values())) + len(history.acts)
    defects.violations = history.defects
    return [s1, s2, s3, s4, s5, s7, s8, s9, _check_passwords(history.acts), l1, one, defects]


def is_linearisable(operations: Iterable[Operation]) -> bool:
    """Tell whether one session, doing one thing at a time, explains all answers."""
    states = {NOT_YET}
    for segment in _segments(sorted(operations, key=lambda each: each.invoked)):
        states = {end for state in states for end in _ends(segment, state)}
    return bool(states)


def _segments(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """Cut where nothing was under way: what came before cannot depend on what came after."""
    segment: list[Operation] = []
    quiet = 0
    for operation in operations:
        if segment and quiet < operation.invoked:
            yield segment
            segment = []
        segment.append(operation)
        quiet = max(quiet, operation.ended)
    if segment:
        yield segment


def _ends(segment: Sequence[Operation], state: int) -> set[int]:
    """Return the states in which a segment may leave the session; none if nothing explains it."""
    required = sum(1 << i for i, each in enumerate(segment) if each.outcome is not Outcome.UNKNOWN)
    found: set[int] = set()
    seen = {(0, state)}
    open_ = [(0, state)]
    while open_:
        done, state = open_.pop()
        if done & required == required:
            found.add(state)
        waiting = [i for i in range(len(segment)) if not done >> i & 1]
        first_end = min((segment[i].ended for i in waiting), default=0)
        for i in waiting:
            if segment[i].invoked > first_end:
                break
            for after in _step(state, segment[i]):
                if (place := (done | 1 << i, after)) not in seen:
                    seen.add(place)
                    open_.append(place)
    return found


def _step(state: int, operation: Operation) -> Iterator[int]:
    """Yield the state after the operation, if a session in ``state`` would have answered so."""
    refused, unknown = operation.outcome is Outcome.REFUSED, operation.outcome is Outcome.UNKNOWN
    alive = state > 0
    match operation.kind:
        case Kind.START if state == NOT_YET:
            yield 1
        case Kind.END:
            yield ENDED if alive else state
        case Kind.LOOK if unknown or alive != refused:
            yield state
        case Kind.FORGED if refused or unknown:
            yield state
        case Kind.STORED if operation.generation == max(state, 0):
            yield state
        case Kind.REFRESH:
            after, succeeds = _refresh(state, operation.generation)
            if unknown or succeeds != refused:
                yield after


def _refresh(state: int, generation: int) -> tuple[int, bool]:
    """Return the state after a refresh token was presented, and whether it is honoured."""
    if state <= 0:
        return state, False
    if generation == state:
        return state + 1, True
    if generation == state - 1:
        return state, True  # within the grace window, which is longer than a round
    return ENDED, False


def _check_ends(operations: Sequence[Operation], verdict: Verdict) -> None:
    began = max((each.ended for each in operations if each.kind is Kind.START), default=0)
    acknowledged = [
        each.ended
        for each in operations
        # An end beside the login may have come first, and then it ended nothing.
        if each.kind is Kind.END and each.outcome is Outcome.DONE and each.invoked > began
    ]
    if acknowledged:
        for each in operations:
            if each.invoked > min(acknowledged) and each.kind in (Kind.REFRESH, Kind.LOOK, Kind.STORED):
                dead = each.generation == 0 if each.kind is Kind.STORED else each.outcome is not Outcome.DONE
                verdict.check(dead, each)


def _check_advances(operations: Sequence[Operation], verdict: Verdict) -> None:
    refreshes = [each for each in operations if each.kind is Kind.REFRESH]
    for stored in operations:
        if stored.kind is Kind.STORED and stored.generation:
            presented = {
                each.generation
                for each in refreshes
                if each.outcome is not Outcome.REFUSED and each.invoked < stored.ended
            }
            verdict.check(stored.generation <= 1 + len(presented), stored)
    for each in refreshes:
        if each.outcome is Outcome.DONE:
            verdict.check(each.successor_generation == each.generation + 1, each)


def _check_successors(operations: Sequence[Operation], verdict: Verdict) -> None:
    known: dict[int, str] = {}
    for each in operations:
        if each.kind is Kind.REFRESH and each.outcome is Outcome.DONE:
            verdict.check(each.successor == known.setdefault(each.generation, each.successor), each)


def _check_order(operations: Sequence[Operation], verdict: Verdict) -> None:
    told = [
        (each.ended, each.invoked, each.successor_generation or each.generation)
        for each in operations
        if each.outcome is Outcome.DONE
        and each.kind in (Kind.REFRESH, Kind.STORED)
        and (each.successor_generation or each.generation)
    ]
    by_invocation = sorted(told, key=lambda each: each[1])
    by_end = iter(sorted(told))
    highest, earlier = 0, next(by_end, None)
    for _, invoked, generation in by_invocation:
        while earlier is not None and earlier[0] < invoked:
            highest = max(highest, earlier[2])
            earlier = next(by_end, None)
        verdict.check(generation >= highest, (invoked, generation, highest))


def _check_owner(operations: Sequence[Operation], verdict: Verdict) -> None:
    owners = [each.owner for each in operations if each.owner]
    for owner in owners:
        verdict.check(owner == owners[0], (owner, owners[0]))


def _check_limit(acts: Iterable[Act], limit: int) -> Verdict:
    verdict = Verdict("S8", "no more passwords are tried than the limit allows")
    guesses = defaultdict(list)
    for act in acts:
        if act.deed is Deed.GUESS:
            guesses[act.subject].append(act.status)
    for statuses in guesses.values():
        verdict.checks += len(statuses)
        if statuses.count(401) > limit or set(statuses) - {401, 429, 503}:
            verdict.violations.append(
                f"{statuses.count(401)} of {len(statuses)} were tried: {sorted(set(statuses))}"
            )
    return verdict


def _check_rows(history: History) -> Verdict:
    verdict = Verdict("S9", "one row for each name")
    made: dict[str, int] = defaultdict(int)
    for act in history.acts:
        if act.deed is Deed.REGISTER:
            made[act.subject] += act.status == 201
    for name, number in made.items():
        verdict.check(number <= 1, f"{number} registrations of one name succeeded")
        verdict.check(history.rows.get(name, 0) <= 1, f"{history.rows.get(name, 0)} rows of one name")
    return verdict


def _check_passwords(acts: Iterable[Act]) -> Verdict:
    verdict = Verdict("PWD", "a replaced password never opens again")
    changed: dict[str, list[Act]] = defaultdict(list)
    tried: list[Act] = []
    for act in acts:
        if act.deed is Deed.SET_PASSWORD and act.status == 204:
            changed[act.subject].append(act)
        elif act.deed is Deed.LOG_IN:
            tried.append(act)
    for login in tried:
        before = [act for act in changed[login.subject] if act.ended < login.invoked]
        under_way = any(
            act.invoked < login.ended and login.invoked < act.ended for act in changed[login.subject]
        )
        if before and not under_way:
            current = max(before, key=lambda act: act.ended).password
            wanted = 200 if login.password == current else 401
            verdict.check(login.status in (wanted, 503), login)
    return verdict
