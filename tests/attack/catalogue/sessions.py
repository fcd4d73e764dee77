"""Sessions that are somebody else's or over, refresh tokens that are forged, and fixation."""

import json

from tests.attack.case import Ask, Case, Made, Target, any_of

_401, _404, _204 = any_of(401), any_of(404), any_of(204)
_OWN = "<<attacker.access>>"
_FORGED = "invalid_refresh_token"


def _end(name: str, session: str, statuses: frozenset[int] = _404) -> Case:
    return Case(name, Ask("DELETE", f"/sessions/{session}", bearer=_OWN), statuses)


def _refresh(name: str, token: str) -> Case:
    body = json.dumps({"refresh_token": token}).encode()
    return Case(f"refresh: {name}", Ask("POST", "/refresh_jwt", body), _401, _FORGED)


def _ended(method: str, path: str, body: bytes | None = None) -> Case:
    ask = Ask(method, path, body, bearer="<<ended.access>>")
    return Case(f"{method} {path} {(body or b'').decode()} of an ended session", ask, _401, "session_ended")


def _deleted(method: str, path: str, body: bytes | None = None) -> Case:
    ask = Ask(method, path, body, bearer="<<deleted.access>>")
    return Case(f"{method} {path} {(body or b'').decode()} of a deleted user", ask, _401, "session_ended")


def _values(name: str) -> Made:
    def find(target: Target) -> str:
        return target.values[name]

    return find


CASES = (
    # A058
    _end("the victim's session", "<<victim.session>>"),
    _end("the victim's session in capital letters", "<<victim.session.capitals>>"),
    _end("the victim's session in braces", "{<<victim.session>>}"),
    _end("the victim's session as a URN", "urn:uuid:<<victim.session>>"),
    _end("an ended session", "<<ended.session>>"),
    _end("a session of nobody", "00000000-0000-4000-8000-000000000000"),
    _end("a user's id for a session's", "<<victim.user>>"),
    _end("a pattern for a session", "*"),
    _end("nothing for a session", "%20"),
    _end("two sessions", "<<victim.session>>,<<attacker.session>>"),
    _end("a session after a path", "x%2f..%2f<<victim.session>>"),
    _end("a key of Redis for a session", "authsvc:%7bx%7d:x"),
    _end("a session with a NUL", "<<victim.session>>%00", any_of(404, 400)),
    _end("a session and a query", "<<victim.session>>?user=<<victim.user>>"),
    _end("a session of 6000 digits", "0" * 6000),
    _end("digits of another script", "%D9%A3" * 32),
    # A051, A054
    *(
        make(method, path, body)
        for make in (_ended, _deleted)
        for method, path, body in (
            ("GET", "/user", None), ("GET", "/sessions", None), ("DELETE", "/sessions/<<ended.session>>", None),
            ("PATCH", "/user", b'{"name": "x"}'),
            ("POST", "/user/password", b'{"current_password": "x", "new_password": "y"}'),
            ("DELETE", "/user", b'{"password": "x"}'), ("POST", "/logout", b'{"scope": "all"}'),
            ("POST", "/logout", b'{"scope": "others"}'),
        )
    ),
    _refresh("an ended session", "<<ended.refresh>>"),
    _refresh("a deleted user", "<<deleted.refresh>>"),
    _refresh("a disabled user", "<<disabled.refresh>>"),
    # A063: each holds the ids of the victim's living session
    *(_refresh(f"the victim's with {what}", f"<<victim.refresh.{name}>>")
      for what, name in (
          ("a tag of zeros", "no_tag"), ("another tag", "other_tag"), ("the attacker's tag", "swapped_tag"),
          ("a generation more", "next"), ("a generation of 2^32 - 1", "last"), ("another secret", "other_secret"),
          ("another key id", "other_key"), ("another session", "other_session"), ("another user", "other_user"),
          ("a byte less", "short"), ("a byte more", "long"), ("padding", "padded"),
          ("a line break", "broken"), ("another scheme", "other_scheme"), ("small letters", "small"),
      )),
    _refresh("nothing", ""),
    _refresh("the scheme alone", "rt1_"),
    _refresh("4096 letters", "rt1_" + "A" * 4000),
    _refresh("letters of another script", "rt1_" + "А" * 116),
    _refresh("a NUL", "rt1_\0"),
    _refresh("a JWT without a signature", "eyJhbGciOiJub25lIn0.e30."),
    # A052
    Case("a log-out without a token", Ask("POST", "/logout", b"{}"), _401, "not_authenticated"),
    Case("a log-out with garbage", Ask("POST", "/logout", b"{}", bearer="garbage"), any_of(204, 401)),
    Case("a log-out with a forged refresh token", Ask(
        "POST", "/logout", b'{"refresh_token": "<<victim.refresh.other_tag>>"}'), any_of(204, 401)),
    Case("a log-out of all with a forged refresh token", Ask(
        "POST", "/logout", b'{"refresh_token": "<<victim.refresh.other_tag>>", "scope": "all"}'), any_of(204, 401)),
    Case("a log-out of an ended session, again", Ask("POST", "/logout", b"{}", bearer="<<ended.access>>"), _204,
         may_change=frozenset({"ended_sessions"})),
    Case("a log-out of all by a deleted user's refresh token", Ask(
        "POST", "/logout", b'{"refresh_token": "<<deleted.refresh>>", "scope": "all"}'), _401),
    Case("a log-out by two tokens ends the bearer's session alone", Ask(
        "POST", "/logout", b'{"refresh_token": "<<victim.refresh>>"}', bearer="<<fresh.access>>"), _204,
        fresh=True, may_change=frozenset({"session", "sessions", "ended_sessions"}), then="the victim is there"),
    Case("a log-out of all ends nobody else's session", Ask(
        "POST", "/logout", b'{"scope": "all"}', bearer="<<fresh.access>>"), _204, fresh=True,
        may_change=frozenset({"session", "sessions", "epoch", "users", "ended_sessions"}),
        then="the victim is there"),
    # A050
    Case("a login that brings the victim's tokens makes a session of its own", Ask(
        "POST", "/login", b'{"username": "attacker", "password": "<<attacker.password>>"}',
        headers=("Cookie: session=<<victim.session>>; refresh_token=<<victim.refresh>>",), bearer=_values("victim.access")),
        any_of(200), may_change=frozenset({"session", "sessions"}), then="the victim is there"),
    Case("a registration that brings the victim's token", Ask(
        "POST", "/register", b'{"username": "victim", "password": "nine grey herons at first light"}',
        bearer=_values("victim.access")), any_of(409), "username_taken"),
    # A051: once the log-out was answered
    Case("the same log-out, twenty times", Ask("POST", "/logout", b"{}", bearer="<<fresh.access>>"), _204, fresh=True,
         times=20, may_change=frozenset({"session", "sessions", "ended_sessions"}), then="the victim is there"),
    Case("the user of another session", Ask("GET", "/user?id=<<victim.user>>&sub=<<victim.user>>", bearer=_OWN),
         any_of(200), then="it is the attacker"),
    Case("the sessions of another user", Ask("GET", "/sessions?user_id=<<victim.user>>", bearer=_OWN), any_of(200),
         then="no session of the victim"),
    # A059, A061: a lost answer is asked for again
    Case("the same refresh, twenty times", Ask(
        "POST", "/refresh_jwt", b'{"refresh_token": "<<fresh.refresh>>"}'), any_of(200), fresh=True, times=20,
        may_change=frozenset({"session", "sessions"}), then="the victim is there"),
)  # fmt: skip
