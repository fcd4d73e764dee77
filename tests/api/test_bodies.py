"""Reading bodies, as functions: what is strict JSON, what is a form, and what fits a model."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from authsvc.api import sessions, users
from authsvc.api.bodies import RequestModel, fit, parse_form, parse_json
from authsvc.errors import InvalidForm, InvalidJson, InvalidRequest


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * depth + closing * depth).encode()


# A092
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        '{"a": "é"}'.encode("latin-1"),
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\xed\xa0\x80"}',  # a surrogate in UTF-8
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "\\u0061": 2}',
        b'[[{"deep": {"a": 1, "a": 2}}]]',
        b"NaN",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": -1e400}',
        str(2**53).encode(),
        str(-(2**53)).encode(),
        b"9" * 5000,
        b"-" + b"9" * 5000,
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"0x10",
        b"{} {}",
        b"{}x",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"[1,]",
        b'{"a"}',
        b"{a: 1}",
        b'"a\nb"',
        b'"\\x41"',
        b'"\\ud8"',
        b"// comment\n{}",
        b'{"a": "\x00"}',
        b"true false",
        b"undefined",
        b"[",
        b'"',
        b"\\",
        nested(9),
        b'{"a":' * 9 + b"1" + b"}" * 9,
        nested(8000),
        b'{"a":' * 10_000,
        b"[" * 10_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_not_strict_json_is_refused(body):
    with pytest.raises(InvalidJson):
        parse_json(body)


# A092
@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b' {"a" : 1 } \n', {"a": 1}),
        ('{"é": "😀"}'.encode(), {"é": "😀"}),
        (b'{"a": {"b": 1}, "c": {"b": 1}}', {"a": {"b": 1}, "c": {"b": 1}}),
        (str(2**53 - 1).encode(), 2**53 - 1),
        (str(1 - 2**53).encode(), 1 - 2**53),
        (b"1e3", 1000.0),
        (b'"\\ud83d\\ude00"', "😀"),
        (nested(8), [[[[[[[[]]]]]]]]),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_strict_json_is_read(body, value):
    assert parse_json(body) == value


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_json_or_refused_as_documented(body):
    try:
        value = parse_json(body)
    except InvalidJson:
        return
    assert json.loads(body) == value


_DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - 2**53, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(_DOCUMENTS)
def test_every_document_within_the_limits_is_read_as_it_was_written(value):
    body = json.dumps(value).encode()
    if depth_of(value) <= 8:
        assert parse_json(body) == value
    else:
        with pytest.raises(InvalidJson):
            parse_json(body)


@pytest.mark.parametrize(
    "body",
    [
        b"a=1&a=2",
        b"a=1&%61=2",
        b"a",
        b"a=1&",
        b"a=%ff",
        b"a=%ed%a0%80",
        "a=é".encode(),
        "a=é".encode("latin-1"),
        b"&".join(b"a%d=1" % number for number in range(17)),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_not_such_a_form_is_refused(body):
    with pytest.raises(InvalidForm):
        parse_form(body)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"a=", {"a": ""}),
        (b"a=b+c%2B%20d", {"a": "b c+ d"}),
        (b"a=%C3%A9&b=%F0%9F%98%80", {"a": "é", "b": "😀"}),
        (b"a=100%25&b=100%", {"a": "100%", "b": "100%"}),  # a lone percent sign stands for itself
        (b"a=1;b=2", {"a": "1;b=2"}),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_form_is_read(body, fields):
    assert parse_form(body) == fields


@given(st.binary(max_size=100) | st.text("ab=&%+;0fé", max_size=40).map(str.encode))
def test_any_bytes_are_a_form_or_refused_as_documented(body):
    try:
        fields = parse_form(body)
    except InvalidForm:
        return
    assert all(isinstance(value, str) and value.encode() is not None for value in fields.values())


class Sample(RequestModel):
    name: str = Field(max_length=10)
    age: int = 0


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        ({}, ["/name"]),
        ({"name": 1, "age": "1"}, ["/name", "/age"]),
        ({"name": "a", "age": True}, ["/age"]),
        ({"name": "a", "age": 1.0}, ["/age"]),
        ({"name": "a", "canary": 1}, [""]),
        ([], [""]),
        (None, [""]),
        ("canary", [""]),
        ({"name": "\ud800"}, ["/name"]),
        ({"name": "a", "\ud800": 1}, [""]),
    ],
)
def test_what_does_not_fit_is_told_by_field_and_without_its_value(value, pointers):
    with pytest.raises(InvalidRequest) as refused:
        fit(Sample, value)
    assert [field.pointer for field in refused.value.fields] == pointers
    told = repr(refused.value.fields)
    assert "canary" not in told
    assert "Sample" not in told


def test_every_text_that_is_read_has_a_longest_length():
    """Besides bounding it, a length makes pydantic refuse lone surrogates, which nothing can store."""
    models = [model for model in RequestModel.__subclasses__() if model.__module__ != __name__]
    texts = [
        (model.__name__, name)
        for model in models
        for name, field in model.model_fields.items()
        if "str" in str(field.annotation) and not any(hasattr(rule, "max_length") for rule in field.metadata)
    ]
    assert {users.RegisterRequest, sessions.LoginRequest} <= set(models)
    assert texts == []


def test_what_fits_becomes_the_model():
    assert fit(Sample, {"name": "a"}) == Sample(name="a", age=0)
