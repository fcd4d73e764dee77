"""The reader of JSON and of forms against any bytes at all: it reads or refuses, and nothing else happens."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from authsvc.api.bodies import RequestModel, fit, parse_form, parse_json
from authsvc.api.sessions import LoginRequest, LogoutRequest, RefreshRequest
from authsvc.api.users import PasswordChange, RegisterRequest, UserChanges, UserDeletion
from authsvc.errors import AuthsvcError, InvalidForm, InvalidJson, InvalidRequest

_fuzz = settings(max_examples=400, deadline=None)
_LIMIT = 2**53

_scalars = (
    st.none() | st.booleans() | st.integers(-_LIMIT + 1, _LIMIT - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"]))
)  # fmt: skip
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)
# Pieces of JSON in any order come nearer to the edges than any bytes do.
_pieces = st.lists(
    st.sampled_from(
        [
            *(b"{", b"}", b"[", b"]", b":", b",", b'"', b'"a"', b'"\\u', b"d800", b"\\", b"-", b"0", b"1"),
            *(b"9" * 17, b".", b"e", b"E+400", b"NaN", b"Infinity", b"null", b"tru", b" ", b"\n", b"\x00"),
            *(b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", b"//", b"\x1f"),
        ]
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def numbers(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers(item)]
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [value] if type(value) in {int, float} else []


def outcome(read: Callable[[Any], Any], given: Any) -> tuple[Any, AuthsvcError | None]:
    """What was read, or the refusal."""
    try:
        return read(given), None
    except AuthsvcError as refusal:
        return None, refusal


def assert_silent(refusal: AuthsvcError, kind: type[AuthsvcError]) -> None:
    """It is of the kind, and tells of no cause: that would hold the input."""
    assert isinstance(refusal, kind)
    assert refusal.__cause__ is None
    assert refusal.__context__ is None or refusal.__suppress_context__


# A092
@_fuzz
@given(st.binary(max_size=300) | _pieces)
@example(b"[" * 20_000)
@example(b'{"a":' * 20_000)
@example(b"1" * 20_000)
@example(b'"' + b"\\u0000" * 3000 + b'"')
def test_any_bytes_are_read_strictly_or_refused(body: bytes):
    value, refusal = outcome(parse_json, body)
    if refusal is not None:
        assert_silent(refusal, InvalidJson)
        return
    assert value == json.loads(body.decode("utf-8"))
    assert depth(value) <= 8
    assert all(math.isfinite(number) for number in numbers(value))
    assert all(abs(number) < _LIMIT for number in numbers(value) if type(number) is int)


@_fuzz
@given(_values)
def test_whatever_is_strict_json_is_read_as_it_was_meant(value: Any):
    assume(depth(value) <= 8)
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value


@_fuzz
@given(_values, st.sampled_from([LoginRequest, LogoutRequest, RefreshRequest, PasswordChange, RegisterRequest,
                                 UserChanges, UserDeletion]))  # fmt: skip
def test_any_value_fits_a_model_or_is_refused_without_being_repeated(value: Any, model: type[RequestModel]):
    sent = dict.fromkeys([*model.model_fields, "zq9marker7xk"], value)
    for tried in (value, sent):
        _, refusal = outcome(lambda given: fit(model, given), tried)
        if refusal is not None:
            assert_silent(refusal, InvalidRequest)
            assert "zq9marker7xk" not in repr(vars(refusal))


@_fuzz
@given(st.binary(max_size=200) | st.text(alphabet="ab=&%+;0fF é", max_size=60).map(str.encode))
@example(b"=&=")
def test_any_bytes_are_a_form_or_refused(body: bytes):
    fields, refusal = outcome(parse_form, body)
    if refusal is not None:
        assert_silent(refusal, InvalidForm)
    else:
        assert all(isinstance(value, str) for value in fields.values())
        assert len(fields) <= 16


@pytest.mark.parametrize("fields", [16, 17])
def test_a_form_may_have_sixteen_fields(fields: int):
    body = "&".join(f"f{number}=1" for number in range(fields)).encode()
    if fields == 16:
        assert len(parse_form(body)) == 16
    else:
        with pytest.raises(InvalidForm):
            parse_form(body)
