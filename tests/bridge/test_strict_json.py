import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact_bridge.errors import ProtocolError
from reenact_bridge.strict_json import MAX_DEPTH, read_object, write_object

LEAVES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(max_size=4)
VALUES = st.recursive(
    LEAVES | FINITE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_there_and_back_is_the_same(table: dict[str, object]) -> None:
    assert read_object(write_object(table), "body") == table


@given(st.binary(max_size=64))
def test_any_bytes_are_an_object_or_an_error(data: bytes) -> None:
    try:
        assert isinstance(read_object(data, "body"), dict)
    except ProtocolError as error:
        assert error.code == "E_SCHEMA"


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b"\xff\xfe",
        b"[]",
        b'{"a": ' + b"[" * 100_000,
        b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b"",
    ],
)
def test_what_is_no_clean_json_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError) as error:
        read_object(text, "body")
    assert error.value.code == "E_SCHEMA" and len(str(error.value)) < 300


def test_depth_up_to_the_limit_is_taken() -> None:
    deep = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    assert json.loads(deep) == read_object(b'{"a": ' + deep + b"}", "body")["a"]
