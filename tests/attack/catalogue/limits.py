"""Limits on attempts, met: whoever asks too often is told to wait, however the request is dressed up."""

import json

from tests.attack.case import Ask, Case, any_of

TRIES = 5
"""More than the limits of the strict service (see `attacked`)."""

_429 = any_of(429)


def _login(name: str, username: str, *headers: str, form: bool = False) -> Case:
    fields = {"username": username, "password": "wrong horse battery"}
    body = json.dumps(fields).encode()
    if form:
        body = f"username={username}&password=wrong+horse+battery".encode()
    media_type = "application/x-www-form-urlencoded" if form else "application/json"
    ask = Ask("POST", "/login", body, headers=headers, media_type=media_type)
    return Case(name, ask, _429, "too_many_attempts", times=TRIES, service="strict", then="it says when")


CASES = (
    _login("wrong passwords", "victim"),  # A021
    _login("wrong passwords by the form", "victim", form=True),
    _login("wrong passwords for nobody", "nobody.at.all"),  # A018
    _login("wrong passwords, another address claimed each time", "victim", "X-Forwarded-For: 203.0.113.<<n>>"),  # A025
    _login("wrong passwords, another Forwarded each time", "victim", "Forwarded: for=203.0.113.<<n>>"),
    _login("wrong passwords, another X-Real-IP each time", "victim", "X-Real-IP: 203.0.113.<<n>>"),
    _login("wrong passwords, another user agent each time", "victim", "User-Agent: <<n>>"),
    _login("wrong passwords for the address and its capitals", "VICTIM@EXAMPLE.ORG"),
    _login("another name each time", "nobody<<n>>.at.all"),  # A029
    Case("the right password at the limit", Ask(  # A021
        "POST", "/login", b'{"username": "victim", "password": "<<victim.password.sometimes>>"}'), _429,
        "too_many_attempts", times=TRIES, service="strict", then="it says when"),
    Case("wrong passwords for a change", Ask("POST", "/user/password", json.dumps(  # A008, A023
        {"current_password": "wrong horse battery", "new_password": "nine grey herons at first light"}).encode(),
        bearer="<<attacker.access>>"), _429, "too_many_attempts", times=TRIES, service="strict", then="it says when"),
    Case("wrong passwords for a deletion", Ask("DELETE", "/user", b'{"password": "wrong horse battery"}',  # A023
         bearer="<<attacker.access>>"), _429, "too_many_attempts", times=TRIES, service="strict",
         then="it says when"),
    Case("registrations", Ask("POST", "/register",
         b'{"username": "mallory<<n>>", "password": "nine grey herons at first light"}'), _429, "too_many_attempts",
         times=TRIES, service="strict", may_change=frozenset({"users"}), then="it says when"),
)  # fmt: skip
