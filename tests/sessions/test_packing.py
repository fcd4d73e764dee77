import hashlib
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.sessions.packing import _DICTIONARY, pack, pack_address, unpack, unpack_address

CHROME = (
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/142.0.0.0 Safari/537.36"
)
RECORD = json.dumps(
    {
        "id": "6f0f9b1c-2f5e-4a0b-9d53-b8f4a1f0c2d7",
        "username": "ada.lovelace",
        "name": "Ada Lovelace",
        "email": "ada.lovelace@example.org",
        "email_verified": False,
        "created_at": "2026-11-23T21:04:05.123456Z",
        "updated_at": "2026-11-23T21:04:05.123456Z",
    },
    separators=(",", ":"),
).encode()


@given(st.binary(max_size=600))
def test_whatever_was_packed_comes_back(text):
    packed = pack(text)
    assert unpack(packed) == text
    assert len(packed) <= len(text) + 1


@given(st.text(max_size=60) | st.ip_addresses().map(str))
def test_an_address_comes_back_to_the_letter(text):
    assert unpack_address(pack_address(text)) == text


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("203.0.113.7", 5), ("2001:db8::1", 17),
        ("2001:DB8::1", 12), ("fe80::1%eth0", 13), ("unknown", 8), ("", 1),
    ],
)  # fmt: skip
def test_an_address_is_packed_if_it_is_written_as_usual(text, length):
    assert len(pack_address(text)) == length
    assert unpack_address(pack_address(text)) == text


def test_what_is_usual_gets_short():
    assert len(pack(CHROME)) < len(CHROME) / 10
    assert len(pack(RECORD)) < len(RECORD) * 0.6


def test_the_dictionary_never_changes():
    """What is packed in Redis now is read by the next version; another dictionary takes another form."""
    assert hashlib.sha256(_DICTIONARY).hexdigest()[:16] == "f1df463c3d8f3fb3"
    assert unpack(b"1\xa3]@\x1aa\x0bH\x00") == CHROME


@pytest.mark.parametrize("packed", [b"", b"2abc", b"1", b"1\xff\xff", pack(RECORD)[:-5]])
def test_what_cannot_be_read_is_nothing(packed):
    assert unpack(packed) is None


def test_another_implementation_of_deflate_may_have_written_it():
    """Only the form is fixed, not how well it was packed."""
    stored = zlib.compressobj(level=0, wbits=-11)
    assert unpack(b"1" + stored.compress(RECORD) + stored.flush()) == RECORD
