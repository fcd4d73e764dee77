"""Which new passwords are accepted: long ones that nobody would guess first. Pure: no I/O.

The rules are those of NIST SP 800-63B-4, section 3.1.1.2: a length, a blocklist, no composition rules. One
difference: the whole password is compared as it was typed, except for NFC, which maps the several ways to
encode one visible text to one.
"""

import string
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from authsvc.errors import WeakPassword

MAX_BYTES = 1024
"""The longest password, in bytes of UTF-8 after NFC."""

MIN_LENGTH_FLOOR = 8
"""No policy accepts shorter ones (NIST SP 800-63B-4, 3.1.1.2); the blocklist starts here too."""

SERVICE_WORDS = ("authsvc", "authservice", "authentication")
"""What this service is called: refused like a common password, also when repeated."""

_DECORATED_FROM = 4  # shorter names turn up by chance inside digits and punctuation


def normalize(password: str) -> str:
    """Return ``password`` in Unicode Normalization Form C. Nothing else is changed: no trimming, no case."""
    return unicodedata.normalize("NFC", password)


def encode(password: str) -> bytes:
    """Return what is hashed: the UTF-8 bytes of the NFC password, all of them.

    Raises `WeakPassword` (``not_text`` or ``too_long``) for what no account can have as its password: it
    cannot be written as UTF-8, or is longer than `MAX_BYTES`. When logging in, that is a wrong password.
    """
    text = normalize(password)
    if any(unicodedata.category(character) == "Cs" for character in text):
        raise _not_text()  # checked first: an encoding error would carry the password with it
    encoded = text.encode()
    if len(encoded) > MAX_BYTES:
        raise WeakPassword("too_long", f"Choose a password of at most {MAX_BYTES} bytes in UTF-8.")
    return encoded


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """``min_length`` in code points; ``blocklist`` holds whole passwords, case-folded and NFC."""

    min_length: int
    blocklist: frozenset[str] = field(repr=False)

    def __post_init__(self) -> None:
        if self.min_length < MIN_LENGTH_FLOOR:
            raise ValueError(f"min_length must be at least {MIN_LENGTH_FLOOR}")

    def check(self, password: str, *, own_names: Iterable[str] = ()) -> str:
        """Return the NFC password, or raise `WeakPassword` with the first reason that applies.

        The reasons: ``not_text`` (control characters or lone surrogates), ``too_short``, ``too_long``,
        ``common``, ``own_name``; `BreachedPasswords` has one more. ``own_names`` are the user's: username,
        e-mail address, display name; of an address the local part counts as well. The detail says what to do
        and never repeats the input.
        """
        text = normalize(password)
        if any(unicodedata.category(character) == "Cc" for character in text):
            raise _not_text()
        encode(text)
        if len(text) < self.min_length:
            raise WeakPassword("too_short", f"Choose a password of at least {self.min_length} characters.")
        folded = _fold(text)
        if folded in self.blocklist or any(_fills(word, folded) for word in SERVICE_WORDS):
            raise WeakPassword("common", "This password is too common. Choose one that nobody else would.")
        if any(_names(name, folded) for name in _variants(own_names)):
            raise WeakPassword("own_name", "Choose a password that is not made of your own name or address.")
        return text


def _not_text() -> WeakPassword:
    return WeakPassword("not_text", "Choose a password without control characters or broken Unicode.")


def _fold(text: str) -> str:
    """Return the form in which passwords are looked up; folding may undo NFC, hence the second pass."""
    return normalize(normalize(text).casefold())


def _variants(own_names: Iterable[str]) -> Iterator[str]:
    """Yield each name folded, and the local part of what looks like an address."""
    for own_name in own_names:
        name = _fold(own_name.strip())
        local_part, at, _ = name.rpartition("@")
        yield from filter(None, (name, local_part if at else ""))


def _names(name: str, folded: str) -> bool:
    """Whether ``folded`` is ``name``, fills its length with it, or only adds digits and punctuation."""
    if _fills(name, folded):
        return True
    before, found, after = folded.partition(name)
    return bool(found) and len(name) >= _DECORATED_FROM and all(map(_is_decoration, before + after))


def _fills(word: str, folded: str) -> bool:
    """Whether ``folded`` is ``word``, once or again and again; the last time may be cut off."""
    if len(folded) < len(word):
        return False
    return folded == (word * (len(folded) // len(word) + 1))[: len(folded)]


def _is_decoration(character: str) -> bool:
    """Whether it is a digit or punctuation: all of ASCII's, and what Unicode calls Nd and P."""
    category = unicodedata.category(character)
    return category == "Nd" or category.startswith("P") or character in string.punctuation
