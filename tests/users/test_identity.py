import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.users.identity import Email, IdentityError, Username, parse_display_name

# A044: what a name is compared by must not change with Python, or people lose their names.
KEYS = {
    "Ada": "ada",
    "ADA": "ada",
    "ａｄａ": "ada",
    "ada.lovelace_1-2": "ada.lovelace_1-2",
    "Zoe\u0308": "zoë",
    "ZOË": "zoë",
    "Straße": "strasse",
    "STRASSE": "strasse",
    "STRAẞE": "strasse",
    "ΣΊΣΥΦΟΣ": "σίσυφοσ",
    "σίσυφος": "σίσυφοσ",
    "ᾼδησ": "αιδησ",
    "İstanbul": "i\u0307stanbul",
    "ısparta": "ısparta",
    "\u212aelvin": "kelvin",
    "\u212bngstrom": "ångstrom",
    "ｱｲｳ": "アイウ",
    "ｶﾞｷﾞ12": "ガギ12",
    "Иван": "иван",
    "दिल्ली": "दिल्ली",
    "张伟123": "张伟123",
    "ꭰꭱꭲ": "ᎠᎡᎢ",
    "\u05d3\u05d5\u05d3": "\u05d3\u05d5\u05d3",
    "\u1112\u1161\u11ab\uae00\uc774": "\ud55c\uae00\uc774",
    "𐐀𐐁𐐂": "𐐨𐐩𐐪",
}

NOT_USERNAMES = {
    "empty": "",
    "too short": "ab",
    "too long": "a" * 65,
    "too long when folded": "ß" * 33,
    "a megabyte": "a" * 1_000_000,
    "space": "ada l",
    "outer space": " ada",
    "line break": "ada\n",
    "no-break space": "ada\u00a0l",
    "NUL": "ada\x00",
    "DEL": "ada\x7f",
    "C1 control": "ada\x85",
    "at sign": "ada@example.org",
    "slash": "ada/l",
    "plus": "ada+l",
    "begins with a dot": ".ada",
    "begins with a hyphen": "-ada",
    "begins with a mark": "\u0301ada",
    "symbol": "ada€",
    "emoji": "ada😀",
    "ligature": "ﬁona",
    "long s": "\u017fam",
    "superscript digit": "ada²",
    "Roman numeral": "adaⅣ",
    "mathematical letter": "𝐚da",
    "soft hyphen": "a\u00adda",
    "zero width space": "ada\u200b",
    "zero width joiner": "ada\u200d",
    "byte order mark": "\ufeffada",
    "right-to-left override": "ada\u202e",
    "left-to-right isolate": "ada\u2066",
    "grapheme joiner": "ada\u034f",
    "variation selector": "ada\ufe0f",
    "plane 14 variation selector": "ada\U000e0100",
    "Hangul filler": "ada\u3164",
    "halfwidth Hangul filler": "ada\uffa0",
    "old Hangul": "\u1100\u1100\u1100",
    "enclosing mark": "ada\u20dd",
    "private use": "ada\ue000",
    "lone surrogate": "ada\ud800",
    "unassigned": "ada\u0378",
    "noncharacter": "ada\uffff",
    "both directions": "ada\u05d0",
    "begins with a digit, right to left": "1\u05d0\u05d1",
}

EMAILS = {
    "ada@example.org": ("ada@example.org", "ada@example.org"),
    "Ada.B+c@Example.ORG": ("Ada.B+c@example.org", "ada.b+c@example.org"),
    "o'neil_!#$%&*/=?^`{|}~-@example.org": ("o'neil_!#$%&*/=?^`{|}~-@example.org",) * 2,
    "ada@bücher.example.org": ("ada@xn--bcher-kva.example.org",) * 2,
    "ada@bu\u0308cher.example.org": ("ada@xn--bcher-kva.example.org",) * 2,
    "ada@xn--bcher-kva.example.org": ("ada@xn--bcher-kva.example.org",) * 2,
    "ada@XN--BCHER-KVA.example.org": ("ada@xn--bcher-kva.example.org",) * 2,
    "ada@faß.de": ("ada@xn--fa-hia.de",) * 2,
    "ada@fass.de": ("ada@fass.de",) * 2,
    "ada@例え.jp": ("ada@xn--r8jz45g.jp",) * 2,
    "a" * 64 + "@example.org": ("a" * 64 + "@example.org",) * 2,
}

NOT_EMAILS = {
    "empty": "",
    "at alone": "@",
    "no at": "ada.example.org",
    "no local part": "@example.org",
    "no domain": "ada@",
    "two ats": "ada@b@example.org",
    "no dot": "ada@example",
    "localhost": "ada@localhost",
    "reserved": "ada@mail.test",
    # A045: compatibility characters are refused, never mapped
    "fullwidth local part": "ａda@example.org",
    "dotless i": "ı@example.org",
    "ligature": "ﬁ@example.org",
    "accent": "zoë@example.org",
    "KELVIN SIGN domain": "ada@\u212aelvin.org",
    "fullwidth domain": "ada@ｅxample.org",
    "ideographic full stop": "ada@example\u3002org",
    "upper case beyond ASCII": "ada@BÜCHER.de",
    "zero width joiner in the domain": "ada@exa\u200dmple.org",
    "fullwidth at": "ada\uff20example.org",
    "not an A-label": "ada@xn--a.org",
    "A-label of a mapped letter": "ada@xn--bcher-2pa.org",
    "hyphens of an A-label": "ada@ab--cd.org",
    # A046: an addr-spec and nothing around it
    "display name": "Ada <ada@example.org>",
    "angle brackets": "<ada@example.org>",
    "quotes": '"ada"@example.org',
    "quoted space": '"a da"@example.org',
    "comment": "ada(l)@example.org",
    "comment behind": "ada@example.org(l)",
    "IPv4 literal": "ada@[192.0.2.1]",
    "IPv6 literal": "ada@[IPv6:2001:db8::1]",
    "bare IPv4": "ada@192.0.2.1",
    "space before": " ada@example.org",
    "space behind": "ada@example.org ",
    "space inside": "a da@example.org",
    "dot first": ".ada@example.org",
    "dot last": "ada.@example.org",
    "two dots": "a..da@example.org",
    "root dot": "ada@example.org.",
    "underscore": "ada@exa_mple.org",
    "hyphen first": "ada@-example.org",
    "local part too long": "a" * 65 + "@example.org",
    "label too long": "ada@" + "b" * 64 + ".org",
    "address too long": "a" * 60 + "@" + ".".join(["b" * 60] * 3) + ".example.org",
    "a megabyte of dots": "ada@" + "." * 1_000_000,
    "a megabyte before the at": "a" * 1_000_000 + "@example.org",
    # A047: one recipient and no header
    "list": "ada@example.org,eve@example.com",
    "list with semicolon": "ada@example.org;eve@example.com",
    "header": "ada@example.org\r\nBcc: eve@example.com",
    "line break": "ada@example.org\n",
    "NUL": "ada\x00@example.org",
    "NUL in the domain": "ada@example\x00.org",
    "lone surrogate": "ada@\ud800.org",
    "lone surrogate in the local part": "\ud800@example.org",
}


@pytest.mark.parametrize(("text", "key"), KEYS.items(), ids=ascii)
def test_the_keys_of_usernames_are_pinned(text, key):
    assert Username.parse(text).key == key


@pytest.mark.parametrize("text", NOT_USERNAMES.values(), ids=list(NOT_USERNAMES))
def test_a_text_that_is_no_username_is_refused(text):
    with pytest.raises(IdentityError) as refusal:
        Username.parse(text)
    assert len(text) < 3 or text not in str(refusal.value)


def test_a_username_is_shown_as_typed_in_nfc():
    assert Username.parse("Zoe\u0308").shown == "Zoë"
    assert Username.parse("ＡＤＡ").shown == "ＡＤＡ"


def test_usernames_of_the_shortest_and_the_longest_kind_are_taken():
    assert Username.parse("abc").key == "abc"
    assert Username.parse("a" * 64).key == "a" * 64
    assert Username.parse("e\u0301" * 64).key == "é" * 64


def test_every_character_that_changes_at_all_folds_to_a_key_that_stays_the_same():  # A044
    for character in map(chr, range(0x110000)):
        if character.casefold() == character and not unicodedata.decomposition(character):
            continue
        try:
            username = Username.parse(f"a{character}b")
        except IdentityError:
            continue
        assert Username.parse(username.key).key == username.key
        assert Username.parse(username.shown).key == username.key


@given(st.text(st.characters(categories=["L", "M", "Nd"], include_characters="_-."), min_size=3, max_size=20))
def test_the_key_of_a_key_is_the_key(text):  # A044
    try:
        username = Username.parse(text)
    except IdentityError:
        return
    assert Username.parse(username.key).key == username.key
    assert Username.parse(username.shown) == username
    assert Username.parse(unicodedata.normalize("NFD", text)).key == username.key


@given(st.text(st.characters(), max_size=80))
def test_any_text_is_a_name_or_an_identity_error(text):
    for parse in (Username.parse, Email.parse, parse_display_name):
        try:
            parse(text)
        except IdentityError as refusal:
            assert refusal.__cause__ is None  # noqa: PT017 - both outcomes are right, for different texts


@pytest.mark.parametrize(("text", "expected"), EMAILS.items(), ids=ascii)
def test_email_addresses_are_pinned(text, expected):
    email = Email.parse(text)
    assert (email.address, email.key) == expected
    assert Email.parse(email.address) == email
    assert Email.parse(email.key).key == email.key


@pytest.mark.parametrize("text", NOT_EMAILS.values(), ids=list(NOT_EMAILS))
def test_a_text_that_is_no_plain_address_is_refused(text):
    with pytest.raises(IdentityError) as refusal:
        Email.parse(text)
    assert str(refusal.value) == "This is not a plain e-mail address such as name@example.org."


@given(st.text("abcXYZ019.+-_", min_size=1, max_size=20), st.text("abcßüéक文-.xn", min_size=1, max_size=20))
def test_the_key_of_an_address_parses_to_itself(local, domain):  # A044
    try:
        email = Email.parse(f"{local}@{domain}.org")
    except IdentityError:
        return
    assert email.address.isascii()
    assert Email.parse(email.key).key == email.key


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("  Ada \u3000 Lovelace ", "Ada Lovelace"),
        ("Zoe\u0308", "Zoë"),
        ("O'Neil, Jr. 😀", "O'Neil, Jr. 😀"),
        ("x" * 128, "x" * 128),
        ("نام\u200cها", "نام\u200cها"),
    ],
)
def test_a_display_name_is_one_tidy_line(text, name):
    assert parse_display_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["", "   ", "x" * 129, "a\nb", "a\tb", "a\x00b", "a\u2028b", "a\u202eb", "a\u2066b", "\ud800"],
    ids=ascii,
)
def test_a_display_name_that_could_mislead_is_refused(text):
    with pytest.raises(IdentityError):
        parse_display_name(text)
