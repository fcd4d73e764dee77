import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.errors import WeakPassword
from authsvc.passwords.policy import MAX_BYTES, PasswordPolicy, encode, normalize

POLICY = PasswordPolicy(min_length=15, blocklist=frozenset({"correct horse battery", "trustno1trustno1"}))


def refusal(password: str, *own_names: str) -> str:
    with pytest.raises(WeakPassword) as caught:
        POLICY.check(password, own_names=own_names)
    return caught.value.reason


@pytest.mark.parametrize(
    "password", ["fifteen letters", "🦉🦊🐢🐙🦀🐝🌵🍄🌊⛰️🔥🎈🚲🛶", "e\u0301" * 15]
)  # A001
def test_fifteen_code_points_are_enough(password):
    assert POLICY.check(password) == unicodedata.normalize("NFC", password)


@pytest.mark.parametrize("password", ["", "fourteen chars", "e\u0301" * 14])  # A001: counted after NFC
def test_fewer_than_fifteen_code_points_are_too_short(password):
    assert refusal(password) == "too_short"


@pytest.mark.parametrize("length", [64, 256, 1024])  # A002
def test_long_passwords_are_accepted_whole(length):
    password = ("0123456789abcdef" * 64)[:length]
    assert POLICY.check(password) == password


@pytest.mark.parametrize("password", ["q7" * 512 + "x", "é" * 512 + "x"])  # A002: 1025 bytes
def test_more_than_1024_bytes_are_too_long(password):
    assert len(password.encode()) == MAX_BYTES + 1
    assert refusal(password) == "too_long"


def test_bytes_are_counted_after_nfc():
    decomposed = "e\u0301" * 512  # 1536 bytes as typed, 1024 in NFC
    assert len(encode(POLICY.check(decomposed))) == MAX_BYTES


@pytest.mark.parametrize(  # A003
    "password",
    [
        "830174629501738",
        "just some lower case words",
        "ONLY SHOUTING HERE",
        "水は高きより低きに流れる、と言う",
        "   leading spaces",
        "??!!..,,;;::--__",
        "🦉🦊🐢🐙🦀🐝🌵🍄🌊🎃🔥🎈🚲🛶🎻",
    ],
)
def test_no_kind_of_character_is_demanded(password):
    assert POLICY.check(password) == password


@pytest.mark.parametrize(  # A015
    "password",
    [
        "nul in the middle\0 of it",
        "a tab\tbetween words",
        "a line\nbreak in it",
        "c1 control \x85 here",
        "lone \ud800 surrogate",
    ],
)
def test_what_is_not_text_is_refused(password):
    assert refusal(password) == "not_text"


@pytest.mark.parametrize(  # A005
    "password",
    [
        "correct horse battery",
        "Correct Horse BATTERY",
        "trustno1trustno1",
        "authsvcauthsvcauthsvc",
        "AuthSvcAuthSvcAuthSvc",
        "authsvcauthsvca",
        "authenticationauthentication",
    ],
)
def test_common_passwords_and_the_services_words_are_refused(password):
    assert refusal(password) == "common"


@pytest.mark.parametrize(  # A005
    "password",
    [
        "correct horse batter",
        "correct horse battery1",
        " correct horse battery",
        "authsvc-authsvc",
        "authsvcauthsvx1",
    ],
)
def test_near_misses_of_common_passwords_are_accepted(password):
    assert POLICY.check(password) == password


@pytest.mark.parametrize(  # A005
    ("password", "own_name"),
    [
        ("maximilian.mustermann", "maximilian.mustermann"),
        ("Maximilian.Mustermann", "maximilian.mustermann"),
        ("hildegard@abbey.example", "hildegard@abbey.example"),
        ("hildegardofbingen", "hildegardofbingen@abbey.example"),  # the local part of an address
        ("hildegardhildegard", "hildegard@abbey.example"),
        ("Hildegard von Bingen", "  Hildegard von Bingen "),
        ("bobbobbobbobbob", "bob"),
        ("hildegardhildeg", "hildegard"),
        ("hildegard123456", "hildegard"),
        ("123456hildegard", "hildegard"),
        ("!!!***Hildegard***!!!", "hildegard"),
        ("2024$mara$2025+++", "mara"),
        ("STRASSESTRASSESTRASSE", "Straße"),
        ("rene\u0301e1234567890", "renée"),
    ],
)
def test_the_users_own_names_are_refused(password, own_name):
    assert refusal(password, "somebody", own_name) == "own_name"


@pytest.mark.parametrize(  # A005
    ("password", "own_name"),
    [
        ("hildegard plays the harp", "hildegard"),
        ("hildegardx123456", "hildegard"),
        ("hildegar123456789", "hildegard"),
        ("bob123456789012", "bob"),  # too short a name to mean anything
        ("abbey.example12", "hildegard@abbey.example"),
        ("a quiet long sentence", ""),
        ("a quiet long sentence", "   "),
        ("a quiet long sentence", "@"),
    ],
)
def test_near_misses_of_own_names_are_accepted(password, own_name):
    assert POLICY.check(password, own_names=[own_name]) == password


def test_compatibility_characters_case_and_spaces_are_kept():  # A004
    assert normalize("ﬁve  ½ Words ") == "ﬁve  ½ Words "
    assert normalize("cafe\u0301") == "caf\u00e9"


@pytest.mark.parametrize(
    "password",
    ["zebra zebra", "zebra" * 300, "zebra \0 zebra zebra", "correct horse battery", "zebrazebrazebra"],
)
def test_a_refusal_never_repeats_the_password(password):
    with pytest.raises(WeakPassword) as caught:
        POLICY.check(password, own_names=["zebra"])
    assert caught.value.detail is not None
    assert password not in caught.value.detail
    assert "zebra" not in str(caught.value)
    assert caught.value.__context__ is None  # an encoding error would carry it along


def test_the_repr_of_a_policy_leaves_the_blocklist_out():
    assert "horse" not in repr(POLICY)


@pytest.mark.parametrize("min_length", [-1, 0, 7])
def test_a_policy_below_eight_is_refused(min_length):
    with pytest.raises(ValueError, match="at least 8"):
        PasswordPolicy(min_length=min_length, blocklist=frozenset())


@given(password=st.text(st.characters()), own_name=st.text(st.characters()))  # A015: surrogates included
def test_any_input_is_accepted_in_nfc_or_refused_with_a_reason(password, own_name):
    policy = PasswordPolicy(min_length=8, blocklist=frozenset())
    reason = None
    try:
        accepted = policy.check(password, own_names=[own_name])
    except WeakPassword as refused:
        reason = refused.reason
    if reason is None:
        assert accepted == unicodedata.normalize("NFC", password)
        assert encode(password) == accepted.encode()
    else:
        assert reason in {"not_text", "too_short", "too_long", "common", "own_name"}
