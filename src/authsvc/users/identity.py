"""Names under which a user is found: when two of them are the same, and which are not taken at all.

There is one implementation of "the same": ``key``. The database holds it under a unique index, so nothing
else ever has to compare names. Lookalikes from different scripts (a Latin and a Cyrillic "a") are
different names: only what Unicode calls equal in case, composition or width is the same.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Self

import idna
from email_validator import EmailNotValidError, validate_email

SHORTEST, LONGEST = 3, 64
LONGEST_NAME = 128
LONGEST_ADDRESS, LONGEST_LOCAL_PART = 254, 64

_PLAIN = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{{SHORTEST - 1},{LONGEST - 1}}}")
_FIRST = frozenset({"Lu", "Ll", "Lt", "Lo", "Lm", "Nd"})
_FURTHER = _FIRST | {"Mn", "Mc"}  # RFC 8264, section 9.1; enclosing marks (Me) are not in the class
_PUNCTUATION = frozenset("_-.")

# RFC 8264, sections 9.9 and 9.13: what shows nothing though Unicode counts it as a letter or a mark, and the
# letters of old Hangul.
_NEVER = (
    (0x034F, 0x034F),
    (0x1100, 0x11FF),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x3164, 0x3164),
    (0xA960, 0xA97F),
    (0xD7B0, 0xD7FF),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)

# What breaks a line, cannot be encoded, or turns the text around it (UAX #9, section 2).
_NOT_IN_A_NAME = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


class IdentityError(ValueError):
    """The text is no such name. The message is for the one who typed it and never repeats the text."""


class UsernameError(IdentityError):
    """The text is no username."""


class EmailError(IdentityError):
    """The text is no e-mail address that this service takes."""


class DisplayNameError(IdentityError):
    """The text is no name to be shown."""


@dataclass(frozen=True, slots=True)
class Username:
    """A username, after the UsernameCaseMapped profile (RFC 8265, section 3.3).

    ``shown`` is what was typed, in NFC. ``key`` is what is compared: width mapping, case folding, NFC.
    Case folding and not lower-casing, so that "Straße", "STRASSE" and "strasse" are one name.

    Taken are letters and decimal digits of any script, their marks, and ``_ - .``; 3 to 64 code points in
    both the width-mapped and the folded form; a letter or digit first; the Bidi Rule (RFC 5893) for names
    written right to left. Refused is everything else: spaces, ``@`` (it marks an e-mail address at
    login), controls, joiners, invisible characters, compatibility characters such as ligatures, and code
    points that this Python's Unicode does not know, because their folding is not settled.
    """

    shown: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what was typed; raise `UsernameError`."""
        if _PLAIN.fullmatch(text):
            return cls(text, text.lower())  # what follows would come to the same
        if len(text) > LONGEST * 4:  # decomposed text is longer, but hardly by this much
            raise _wrong_length()
        plain = unicodedata.normalize("NFC", _map_width(text))
        if not all(_is_allowed(character) for character in plain):
            raise UsernameError("A username is made of letters, digits, '_', '-' and '.'.")
        key = _fold(plain)
        if not SHORTEST <= len(plain) <= LONGEST or not SHORTEST <= len(key) <= LONGEST:
            raise _wrong_length()
        if unicodedata.category(plain[0]) not in _FIRST:
            raise UsernameError("A username begins with a letter or a digit.")
        try:
            idna.check_bidi(key)
        except idna.IDNAError:
            raise UsernameError("This mixture of writing directions cannot be read reliably.") from None
        return cls(unicodedata.normalize("NFC", text), key)


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail address: an addr-spec (RFC 5322, section 3.4.1) that any mail server can take.

    ``address`` is where mail goes: the local part as typed, the domain as lower-case A-labels. ``key`` is
    what is compared: the address in lower case, because no provider gives "Bob" and "bob" to two people.

    The local part is an ASCII dot-atom of at most 64 characters, the address has at most 254 (RFC 5321,
    section 4.5.3.1, and RFC 3696, erratum 1690). No display name, quotes, comments, address literals,
    lists or surrounding space. Dots and "+tags" in the local part are part of it: what they mean is the
    provider's business. The domain follows IDNA2008 (RFC 5891) to the letter: only ASCII is put in lower
    case and only composition (NFC) is mended; every other character that needed mapping (full width,
    KELVIN SIGN, upper case beyond ASCII, ideographic full stop) is refused, so that no address turns into
    another. Names that are reserved and never reach a mailbox (``localhost``, ``.test``, no dot at all) are
    refused too. No network is used.
    """

    address: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what was typed; raise `EmailError`."""
        local, at, domain = text.partition("@")
        # Lengths are checked before anything whose cost grows with the text.
        if not at or not local.isascii() or len(local) > LONGEST_LOCAL_PART or len(domain) > LONGEST_ADDRESS:
            raise _wrong_email()
        address = f"{local}@{_to_a_labels(domain)}"
        if len(address) > LONGEST_ADDRESS:
            raise _wrong_email()
        try:
            valid = validate_email(
                address,
                allow_smtputf8=False,
                allow_empty_local=False,
                allow_quoted_local=False,
                allow_domain_literal=False,
                allow_display_name=False,
                strict=True,
                check_deliverability=False,
                test_environment=False,
                globally_deliverable=True,
            )
        except EmailNotValidError:
            raise _wrong_email() from None
        if valid.ascii_email != address:  # unquoted, unwrapped or otherwise mended
            raise _wrong_email()
        return cls(address, address.lower())


def parse_display_name(text: str) -> str:
    """Return a name to be shown, never compared: NFC, 1 to 128 code points, single spaces between words.

    Any script, punctuation and emoji will do; refused are controls and line breaks, lone surrogates, and the
    characters that change the direction of what stands beside the name. Raises `DisplayNameError`.
    """
    if any(
        unicodedata.category(character) in _NOT_IN_A_NAME or unicodedata.bidirectional(character) in _TURNING
        for character in text
    ):
        raise DisplayNameError("A name is one line without control characters.")
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not 1 <= len(name) <= LONGEST_NAME:
        raise DisplayNameError(f"A name has 1 to {LONGEST_NAME} characters.")
    return name


def _map_width(text: str) -> str:
    """Replace fullwidth and halfwidth forms by the ordinary ones (RFC 8265, section 3.3.2, rule 1)."""
    return "".join(_ordinary_width(character) for character in text)


def _ordinary_width(character: str) -> str:
    kind, _, points = unicodedata.decomposition(character).partition(" ")
    return chr(int(points, 16)) if kind in {"<wide>", "<narrow>"} else character


def _fold(text: str) -> str:
    """Fold case so that folding again changes nothing.

    The decomposition comes first because some letters fold together with their marks (Unicode Standard,
    section 3.13, D145).
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def _is_allowed(character: str) -> bool:
    if character in _PUNCTUATION:
        return True
    if unicodedata.category(character) not in _FURTHER:
        return False
    if any(first <= ord(character) <= last for first, last in _NEVER):
        return False
    return unicodedata.normalize("NFKC", character) == character  # RFC 8264, section 9.17: HasCompat


def _to_a_labels(domain: str) -> str:
    # A character that even NFC replaces when alone is a stand-in for another one (U+212A for "K").
    if any(unicodedata.normalize("NFC", character) != character for character in domain):
        raise _wrong_email()
    composed = unicodedata.normalize("NFC", domain)
    ascii_lower = "".join(character.lower() if character.isascii() else character for character in composed)
    try:
        return idna.encode(ascii_lower, strict=True, std3_rules=True).decode("ascii").lower()
    except UnicodeError:  # IDNAError is one
        raise _wrong_email() from None


def _wrong_length() -> UsernameError:
    return UsernameError(f"A username has {SHORTEST} to {LONGEST} characters.")


def _wrong_email() -> EmailError:
    return EmailError("This is not a plain e-mail address such as name@example.org.")
