"""Passwords that must not be taken, and some that must not be taken for another."""

import json

from tests.attack.case import Ask, Case, any_of

_422, _401 = any_of(422), any_of(401)


def _register(title: str, password: str, code: str = "weak_password", /, **more: str) -> Case:
    body = json.dumps({"username": "mallory", "password": password} | more).encode()
    return Case(f"password: {title}", Ask("POST", "/register", body), _422, code)


def _login(name: str, username: str, password: str) -> Case:
    ask = Ask("POST", "/login", json.dumps({"username": username, "password": password}).encode())
    return Case(f"a login with {name}", ask, _401, "invalid_credentials")


CASES = (
    # A001, A005, A015
    _register("14 characters", "quiet lantern!"),
    _register("none", ""),
    _register("a common one", "1234567890123456"),
    _register("a common one in capitals", "PASSWORDPASSWORD"),
    _register("the name of the service, again and again", "authsvcauthsvcauthsvc"),
    _register("the username with digits", "mallory12345678901"),
    _register("the username, again and again", "mallorymallorymallory"),
    _register("the address", "mallory.long.address@example.net", email="mallory.long.address@example.net"),
    _register("the local part", "mallory.long.address", email="mallory.long.address@example.net"),
    _register("the name", "Mallory Mallorysson", name="Mallory Mallorysson"),
    _register("a NUL inside", "a lantern\0over quiet water"),
    _register("a line break inside", "a lantern\nover quiet water"),
    _register("an ESC inside", "a lantern\x1bover quiet water"),
    _register("a lone surrogate", "a lantern over quiet water\ud800", "invalid_request"),
    # A002
    _register("1025 bytes", "ab" * 512 + "c"),
    _register("1025 bytes of emoji", "😀" * 256 + "é"),
    _register("4097 characters", "ab" * 2048 + "c", "invalid_request"),
    # A002, A004: the password of the user "long" has 1024 bytes
    _login("capital letters", "victim", "<<victim.password.capitals>>"),
    *(
        _login(title, "victim", before + "<<victim.password>>" + after)
        for title, before, after in (
            ("a space before", " ", ""), ("a space after", "", " "), ("a NUL after", "", "\0"),
            ("a line break after", "", "\n"), ("a letter more", "", "x"),
        )
    ),
    Case("a login with a lone surrogate", Ask(  # A015
        "POST", "/login", b'{"username": "victim", "password": "<<victim.password>>\\ud800"}'), _422,
        "invalid_request"),
    *(
        _login(f"the first {size} bytes", "long", f"<<long.password.{size}>>")
        for size in (8, 55, 64, 71, 72, 73, 128, 255, 256, 512, 1023)
    ),
    _login("no password", "victim", ""),
    _login("the hash for a password", "victim", "<<victim.hash>>"),
    _login("somebody else's password", "victim", "<<attacker.password>>"),
    _login("the password of a user who is not there", "nobody.at.all", "<<victim.password>>"),
    _login("the password of a user who is disabled", "disabled", "<<disabled.password>>"),
    _login("4096 characters", "victim", "x" * 4096),
    # A008
    Case("a change with a wrong password", Ask("POST", "/user/password", json.dumps(
        {"current_password": "wrong horse battery", "new_password": "nine grey herons at first light"}).encode(),
        bearer="<<attacker.access>>"), _401, "invalid_credentials"),
    Case("a change with the victim's password", Ask("POST", "/user/password", json.dumps(
        {"current_password": "<<victim.password>>", "new_password": "nine grey herons at first light"}).encode(),
        bearer="<<attacker.access>>"), _401, "invalid_credentials"),
    Case("a change to a common password", Ask("POST", "/user/password", json.dumps(
        {"current_password": "<<attacker.password>>", "new_password": "1234567890123456"}).encode(),
        bearer="<<attacker.access>>"), _422, "weak_password"),
    Case("a change to one's own name", Ask("POST", "/user/password", json.dumps(
        {"current_password": "<<attacker.password>>", "new_password": "attackerattacker"}).encode(),
        bearer="<<attacker.access>>"), _422, "weak_password"),
    Case("a deletion with a wrong password", Ask("DELETE", "/user", b'{"password": "wrong horse battery"}',
         bearer="<<attacker.access>>"), _401, "invalid_credentials"),
    Case("a deletion with the victim's password", Ask("DELETE", "/user", b'{"password": "<<victim.password>>"}',
         bearer="<<attacker.access>>"), _401, "invalid_credentials"),
)  # fmt: skip
