"""Everybody at once: owners, thieves, operators, clocks and failovers, in any order.

Each rule does something to the real service and to the model, and compares. After each, every session is
looked at: by its access token, and as it is stored. The names S1 to S9 and L1 are those of the guarantees.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Coroutine
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from tests.invariants.world import LIFETIMES, World
from tests.support.redis_time import RedisTime, ReplicaCopy
from tests.support.session_model import Answer, ModelUser, SessionModel, Stored

from authsvc import errors
from authsvc.flows.client import Caller, Client
from authsvc.flows.issue_tokens import TokenPair
from authsvc.flows.log_out import Scope
from authsvc.keyspace import Keyspace
from authsvc.sessions.refresh_token import RefreshToken, new_secret
from authsvc.tokens.claims import LEEWAY

CLIENT = Client("203.0.113.7", "a browser")
PASSWORDS = ["a lantern over quiet water", "seven herons at first light", "rain on the tin observatory"]
MARGIN = timedelta(seconds=1.5)
"""How exactly the clock of Redis is followed; no question is asked nearer than this to a deadline."""

TOLD_AS = {
    Answer.ENDED: errors.RefreshSessionEnded,
    Answer.REUSED: errors.RefreshTokenReused,
    Answer.AHEAD: errors.RefreshTokenUnknown,
}
WHICH = st.sampled_from(["current", "current", "previous", "older", "future"])
serial = count()


def splice(payload_of: str, tag_of: str) -> str:
    """Return a token with the payload of one and the tag of another; a tag is the last 32 bytes."""
    payload, tag = (urlsafe_b64decode(text.removeprefix("rt1_")) for text in (payload_of, tag_of))
    return "rt1_" + urlsafe_b64encode(payload[:-32] + tag[-32:]).decode()


class SessionMachine(RuleBasedStateMachine):
    users: Bundle[ModelUser] = Bundle("users")
    sessions: Bundle[UUID] = Bundle("sessions")
    stolen: Bundle[tuple[UUID, int]] = Bundle("stolen")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.flows, self.clock = world.flows, world.clock
        self.model = SessionModel(self.clock, LIFETIMES)
        self.time = RedisTime(world.redis, self.clock, Keyspace())
        self.tokens: dict[UUID, dict[int, str]] = {}  # every refresh token ever handed out
        self.access_tokens: dict[UUID, tuple[str, datetime]] = {}  # the last one, and when it expires
        self.generations: dict[UUID, int] = {}  # the last one seen in Redis
        self.copy: tuple[ReplicaCopy, dict[UUID, Stored]] | None = None
        self.everybody: list[ModelUser] = []
        self.buried: set[UUID] = set()  # found to be over
        self.doubted_until = self.clock()
        self.suffix = next(serial)

    def attempt(self, *works: Coroutine[Any, Any, Any]) -> list[Any]:
        self.world.run(self.time.settle())
        return self.world.attempt(*works)

    def expect(self, error: type[errors.AuthsvcError] | None, work: Coroutine[Any, Any, Any]) -> Any:
        [outcome] = self.attempt(work)
        if error is None:
            assert not isinstance(outcome, errors.AuthsvcError), f"refused: {outcome!r}"
        else:
            assert isinstance(outcome, error), f"{outcome!r} instead of {error.__name__}"
        return outcome

    # Users come and go

    @initialize(target=users)
    def begin(self) -> ModelUser:
        self.world.run(self.time.settle())
        return self.register("ada")

    @rule(target=users, name=st.sampled_from(["ada", "grace"]))
    def register_twice_at_once(self, name: str) -> Any:
        if any(user.name == name and not user.gone for user in self.everybody):
            name = f"{name}-{self.suffix}"
            register = self.flows.register(name.upper(), PASSWORDS[0], None, None, CLIENT)
            self.expect(errors.UsernameTaken, register)
            return multiple()
        return self.register(name)

    def register(self, name: str) -> ModelUser:
        wanted = f"{name}-{self.suffix}"
        names = [wanted, wanted.upper()]
        outcomes = self.attempt(
            *(self.flows.register(each, PASSWORDS[0], None, None, CLIENT) for each in names)
        )
        [row] = [each for each in outcomes if not isinstance(each, errors.UsernameTaken)]
        assert self.world.usernames().count(wanted) == 1, "S9"
        user = ModelUser(row.id, name, [PASSWORDS[0]])
        assert user.id not in {each.id for each in self.everybody}, "an id was given out again"
        self.everybody.append(user)
        self.time.users.append(user.id)
        return user

    @rule(user=users, disabled=st.booleans())
    def let_in_or_keep_out(self, user: ModelUser, *, disabled: bool) -> None:
        if user.gone:
            return
        self.expect(None, self.flows.set_user_disabled(f"{user.name}-{self.suffix}", disabled=disabled))
        user.disabled = disabled
        if disabled:
            self.model.end_all(user)

    @rule(session=sessions, sure=st.sampled_from([False, False, True]))
    def delete_user(self, session: UUID, *, sure: bool) -> None:
        if not sure:
            return
        user = self.model.sessions[session].user
        if (caller := self.caller(session)) is not None:
            self.expect(None, self.flows.delete_user(caller, user.passwords[-1], CLIENT))
            user.gone = True
            self.model.end_all(user)

    @rule(session=sessions, right=st.booleans())
    def change_password(self, session: UUID, *, right: bool) -> None:
        session = self.lively(session)
        user = self.model.sessions[session].user
        if (caller := self.caller(session)) is None:
            return
        current = user.passwords[-1] if right else "not the password of anybody"
        new = PASSWORDS[len(user.passwords) % len(PASSWORDS)]
        change = self.flows.change_password(caller, current, new, CLIENT)
        self.expect(None if right else errors.WrongPassword, change)
        if right:
            user.passwords.append(new)
            self.model.end_all(user, keep=session)

    # Sessions begin

    @rule(target=sessions, user=users, right=st.sampled_from([True, True, True, False]))
    def log_in_once(self, user: ModelUser, *, right: bool) -> Any:
        return self.log_in(user, right=right)

    def log_in(self, user: ModelUser, *, right: bool) -> Any:
        current, name = user.passwords[-1], f"{user.name}-{self.suffix}"
        password = current if right else next(each for each in PASSWORDS if each != current)
        refused: type[errors.AuthsvcError] | None = None
        if user.gone:
            if any(each.name == user.name and not each.gone for each in self.everybody):
                return multiple()  # the name is somebody else's by now
            refused = errors.UnknownUser
        elif user.disabled:
            refused = errors.UserDisabled
        elif not right:
            refused = errors.WrongPassword
        self.advance(timedelta(seconds=4))  # so that it is clear which session is the oldest
        pair = self.expect(refused, self.flows.log_in(name, password, CLIENT))
        if refused:
            return multiple()
        self.model.start(user, pair.session_id)
        self.tokens[pair.session_id] = {}
        self.keep(pair, 1)
        return pair.session_id

    @rule(target=sessions, user=users)
    def log_in_from_everywhere(self, user: ModelUser) -> Any:
        """Log in once more than there is room for: the oldest sessions end."""
        if user.gone or user.disabled:
            return multiple()
        begun = []
        for _ in range(LIFETIMES.max_per_user + 1):
            begun.append(self.log_in(user, right=True))
            self.every_session_is_as_the_model_says()
        return multiple(*begun)

    # Tokens are presented

    @rule(session=sessions, which=WHICH)
    def refresh(self, session: UUID, which: str) -> None:
        self.present(session, self.choose(session, which))

    @rule(session=sessions, times=st.integers(1, 3))
    def refresh_at_the_last_moment(self, session: UUID, times: int) -> None:
        """Stay signed in for as long as it goes."""
        session = self.lively(session)
        for _ in range(times):
            self.wait_for(session, "idle", -2)
            self.present(session, self.choose(session, "current"))

    @rule(session=sessions, which=st.sampled_from(["current", "previous"]), times=st.integers(2, 7))
    def refresh_at_once(self, session: UUID, which: str, times: int) -> None:
        generation = self.choose(session, which)
        text = self.text(session, generation)
        outcomes = self.attempt(*(self.flows.refresh(text) for _ in range(times)))
        expected = [self.model.present(session, generation) for _ in range(times)]
        assert Counter(self.judge(session, generation, outcome) for outcome in outcomes) == Counter(
            Answer.REPLAYED if each is Answer.ROTATED else each for each in expected
        )

    @rule(session=sessions, wait=st.sampled_from([0, 5, 8, 12]))
    def lose_the_reply_and_ask_again(self, session: UUID, wait: int) -> None:
        session = self.lively(session)
        generation = self.choose(session, "current")
        first = self.model.present(session, generation)
        [lost] = self.attempt(self.flows.refresh(self.text(session, generation)))
        assert self.judge(session, generation, lost).succeeds == first.succeeds
        self.advance(timedelta(seconds=wait))
        again = self.present(session, generation)
        if first is Answer.ROTATED and timedelta(seconds=wait) < LIFETIMES.grace - MARGIN * 3:
            assert again is Answer.REPLAYED, "L1"

    @rule(session=sessions)
    def forge(self, session: UUID) -> None:
        """Try every way to make a token; what follows must find nothing changed (S5, S7)."""
        session = self.lively(session)
        signer = self.flows.refresh.refresh_tokens
        text = self.text(session, self.choose(session, "current"))
        real = signer.verify(text)
        of_the_next = signer.sign(real.at_generation(real.generation + 1))
        flipped = text[:-6] + ("A" if text[-6] != "A" else "B") + text[-5:]
        for forged in (flipped, text[:-1], splice(of_the_next, text)):
            self.expect(errors.ForgedRefreshToken, self.flows.refresh(forged))
        # What somebody who stole the service's key could sign:
        for user_id, secret in (
            (real.user_id, new_secret()),
            (UUID(int=1), real.secret),
            *((user.id, real.secret) for user in self.everybody if user.id != real.user_id),
        ):
            forged = signer.sign(RefreshToken(user_id, session, secret, real.generation))
            self.expect(errors.RefreshSessionEnded, self.flows.refresh(forged))

    @rule(target=stolen, session=sessions, which=st.sampled_from(["current", "previous"]))
    def steal(self, session: UUID, which: str) -> tuple[UUID, int]:
        session = self.lively(session)
        return session, self.choose(session, which)

    @rule(loot=stolen)
    def use_what_was_stolen(self, loot: tuple[UUID, int]) -> None:
        self.present(*loot)

    @rule(session=sessions)
    def use_the_last_access_token(self, session: UUID) -> None:
        if self.model.is_in_doubt(session):
            return
        token, expires_at = self.access_tokens[session]
        refused: type[errors.AuthsvcError] | None = None
        if self.clock() >= expires_at + LEEWAY:
            refused = errors.InvalidToken
        elif not self.model.is_alive(session):
            refused = errors.SessionEnded
        self.expect(refused, self.flows.show_user(token))

    # Sessions end

    @rule(session=sessions, scope=st.sampled_from(Scope), by_refresh_token=st.booleans())
    def log_out(self, session: UUID, scope: Scope, *, by_refresh_token: bool) -> None:
        user = self.model.sessions[session].user
        access, refresh = self.access(session), self.text(session, self.choose(session, "previous"))
        tokens: tuple[str | None, str | None] = (None, refresh) if by_refresh_token else (access, None)
        again = scope is Scope.ALL and user.last_end_of_all_by == session and not user.gone
        allowed = scope is Scope.CURRENT or self.model.is_alive(session) or again
        self.expect(None if allowed else errors.SessionEnded, self.flows.log_out(*tokens, scope))
        if scope is Scope.CURRENT:
            self.model.end(session)
        elif allowed and not again:
            keep = session if scope is Scope.OTHERS else None
            self.model.end_all(user, keep=keep, by=None if keep else session)
            if scope is Scope.ALL:  # as a client does whose answer was lost
                self.expect(None, self.flows.log_out(access, None, scope))

    @rule(session=sessions, other=sessions)
    def end_by_id(self, session: UUID, other: UUID) -> None:
        if (caller := self.caller(session)) is None or self.model.is_in_doubt(other):
            return
        own = self.model.sessions[other].user is self.model.sessions[session].user
        found = own and self.model.is_alive(other)
        self.expect(None if found else errors.SessionNotFound, self.flows.end_session(caller, other))
        if found:
            self.model.end(other)

    # Time passes, and things fail

    @rule(by=st.sampled_from([1, 5, 15, 290, 310, 3700, 7300]))
    def wait(self, by: int) -> None:
        self.advance(timedelta(seconds=by))

    @rule(
        session=sessions,
        deadline=st.sampled_from(["grace", "idle", "absolute"]),
        offset=st.sampled_from([-2, 2]),
    )
    def wait_until(self, session: UUID, deadline: str, offset: int) -> None:
        self.wait_for(session, deadline, offset)

    def wait_for(self, session: UUID, deadline: str, offset: int) -> None:
        if (stored := self.model.stored.get(session)) is not None:
            moment = {
                "grace": stored.rotated_at + LIFETIMES.grace,
                "idle": stored.idle_deadline,
                "absolute": self.model.sessions[session].absolute_deadline,
            }[deadline] + timedelta(seconds=offset)
            self.advance(max(moment - self.clock(), timedelta(0)))

    @rule()
    def replicate(self) -> None:
        self.copy = self.world.run(self.time.copy()), dict(self.model.stored)

    @rule(noticed=st.booleans())
    def fail_over(self, *, noticed: bool) -> None:
        """Lose what was written since the copy; ``noticed``: the replica is known to be another server."""
        if self.copy is None:
            return
        kept, stored = self.copy
        self.world.run(self.time.put_back(kept))
        self.model.stored = dict(stored)
        self.generations.clear()
        self.buried.clear()
        if noticed:
            self.advance(timedelta(seconds=1))
            self.world.meet_another_server()
            self.doubted_until = self.clock() + self.world.settings.access_token_ttl

    @rule(
        session=sessions,
        how=st.sampled_from(["current", "others", "all", "reuse"]),
        noticed=st.booleans(),
    )
    def lose_an_end(self, session: UUID, *, how: str, noticed: bool) -> None:
        """Fail over before the replica heard that sessions ended; then every client asks for more."""
        session = self.lively(session)
        if how == "reuse":
            self.present(session, self.choose(session, "current"))
            self.present(session, self.choose(session, "current"))
        self.replicate()
        if how == "reuse":
            self.present(session, self.choose(session, "older"))
        else:
            self.log_out(session, Scope(how), by_refresh_token=False)
        self.fail_over(noticed=noticed)
        for each in self.model.sessions:
            self.present(each, self.choose(each, "current"))

    # What holds at any time

    @invariant()
    def every_session_is_as_the_model_says(self) -> None:
        self.world.run(self.time.settle())
        sessions = [each for each in self.model.sessions if each not in self.buried]
        for session, fields in zip(sessions, self.stored(sessions), strict=True):
            self.compare_stored(session, fields)
        doubted = self.clock() < self.doubted_until
        judged = [each for each in sessions if doubted or not self.model.is_in_doubt(each)]
        shown = self.world.attempt(*(self.flows.show_user(self.access(each)) for each in judged))
        for session, seen in zip(judged, shown, strict=True):
            if self.model.is_alive(session):
                assert isinstance(seen, bytes), f"L1: logged out for no reason: {seen!r}"
                assert str(self.model.sessions[session].user.id).encode() in seen, "S7"
            else:
                assert isinstance(seen, errors.SessionEnded), f"S1: {seen!r}"
                self.buried.add(session)  # until a failover; the lists below tell if it comes back

    @invariant()
    def every_user_sees_the_live_sessions(self) -> None:
        for user in self.everybody:
            mine = [session for session in self.model.sessions if self.model.sessions[session].user is user]
            listed = self.world.run(self.flows.list_sessions(Caller(user.id, UUID(int=0))))
            in_doubt = {session for session in mine if self.model.is_in_doubt(session)}
            alive = {session for session in mine if self.model.is_alive(session)}
            assert {each.id for each in listed} - in_doubt == alive

    def stored(self, sessions: list[UUID]) -> list[dict[bytes, bytes]]:
        """Return what is stored of each session; of its own user, and of nobody else."""
        owners = [(user.id, each) for each in sessions for user in self.everybody]
        found = self.world.run(self.time.sessions(owners))
        stored: dict[UUID, dict[bytes, bytes]] = {each: {} for each in sessions}
        for (user_id, session), fields in zip(owners, found, strict=True):
            if user_id == self.model.sessions[session].user.id:
                stored[session] = fields
            else:
                assert not fields, "S7"
        return list(stored.values())

    def compare_stored(self, session_id: UUID, fields: dict[bytes, bytes]) -> None:
        session = self.model.sessions[session_id]
        if not fields:
            assert not self.model.is_alive(session_id), "L1: the session is not stored any more"
            self.model.stored.pop(session_id, None)
            return
        assert self.model.is_stored(session_id), "S1: an ended session is stored again"
        stored, generation = self.model.stored[session_id], int(fields[b"g"])
        assert generation == stored.generation, "S2"
        assert generation >= self.generations.get(session_id, 1), "S4"
        self.generations[session_id] = generation
        assert abs(self.time.moment(fields[b"x"]) - session.absolute_deadline) < MARGIN, "S6"
        assert abs(self.time.moment(fields[b"i"]) - stored.idle_deadline) < MARGIN, "S6"

    # How it is done

    def lively(self, session: UUID) -> UUID:
        """Return a live session if there is one: this one, or the youngest."""
        if self.model.is_alive(session):
            return session
        return next((each for each in reversed(self.model.sessions) if self.model.is_alive(each)), session)

    def advance(self, by: timedelta) -> None:
        """Let time pass, a little more where a deadline would be too near to tell."""
        self.clock.advance(by)
        while self.model.is_near_a_deadline(MARGIN):
            self.clock.advance(MARGIN)
        self.world.run(self.flows.maintain())

    def present(self, session: UUID, generation: int) -> Answer:
        """Present a genuine token; the answer must be the model's."""
        expected = self.model.present(session, generation)
        [outcome] = self.attempt(self.flows.refresh(self.text(session, generation)))
        answer = self.judge(session, generation, outcome)
        if expected is Answer.ROTATED:
            assert answer.succeeds, f"L1: {answer}"
            return expected
        assert answer is expected, f"{answer} instead of {expected}"
        return answer

    def judge(self, session: UUID, generation: int, outcome: Any) -> Answer:
        """Return how a refresh ended. A client cannot tell a replay from a rotation, and need not."""
        if isinstance(outcome, TokenPair):
            self.keep(outcome, generation + 1)
            assert outcome.session_id == session, "S7"
            return Answer.REPLAYED
        return next(answer for answer, error in TOLD_AS.items() if isinstance(outcome, error))

    def keep(self, pair: TokenPair, generation: int) -> None:
        """Keep the tokens that were handed out."""
        known = self.tokens[pair.session_id].setdefault(generation, pair.refresh_token)
        assert pair.refresh_token == known, "S3"
        expires_at = self.clock().replace(microsecond=0) + pair.expires_in
        self.access_tokens[pair.session_id] = pair.access_token, expires_at

    def choose(self, session: UUID, which: str) -> int:
        """Return a generation, as a client sees it: by the tokens that were handed out."""
        newest = max(self.tokens[session])
        behind = {"current": 0, "previous": 1, "older": 2, "future": -1}[which]
        return max(1, newest - behind)

    def text(self, session: UUID, generation: int) -> str:
        """Return the token of a generation; one of the future is signed with the service's own key."""
        if generation in self.tokens[session]:
            return self.tokens[session][generation]
        signer = self.flows.refresh.refresh_tokens
        known = next(iter(self.tokens[session].values()))
        return signer.sign(signer.verify(known).at_generation(generation))

    def access(self, session: UUID) -> str:
        """Return an access token of the session that has not expired."""
        issuer = self.flows.refresh.issue_tokens.access_tokens
        return issuer.issue(self.model.sessions[session].user.id, session, self.clock(), ("pwd",))

    def caller(self, session: UUID) -> Caller | None:
        """Return who is behind the session; None where the service must not, or need not, know."""
        if self.model.is_in_doubt(session):
            return None
        refused = None if self.model.is_alive(session) else errors.SessionEnded
        found = self.expect(refused, self.flows.authenticate(self.access(session)))
        return found if isinstance(found, Caller) else None
