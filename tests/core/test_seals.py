"""Seals: any byte of a body and any other key show."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.seals import right_seal, seal_of, sealed

KEY = "benchmarks/20261124-021533-k3f7/run.json"


@pytest.mark.parametrize("body", [b'{"a":1}', b'{\n "a": [1, 2],\n "b": "}"\n}', '{"ä":"ß"}'.encode()])
def test_a_sealed_body_is_the_same_json_with_one_field_more(body: bytes) -> None:
    stored = sealed(KEY, body)
    content = json.loads(stored)
    assert content.pop("seal") == seal_of(stored) == right_seal(KEY, stored)
    assert content == json.loads(body)


@given(st.data())
def test_any_other_byte_shows(data: st.DataObject) -> None:
    stored = bytearray(sealed(KEY, b'{"schema":"benchtui.run/1","jobs":[1,2,3],"name":"x"}'))
    at = data.draw(st.integers(0, len(stored) - 1))
    stored[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != stored[at]))
    changed = bytes(stored)
    assert seal_of(changed) is None or seal_of(changed) != right_seal(KEY, changed)


def test_another_key_shows() -> None:
    stored = sealed(KEY, b'{"a":1}')
    assert right_seal(KEY + "x", stored) != seal_of(stored)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"{ }", sealed(KEY, b'{"a":1}')])
def test_only_an_unsealed_object_that_holds_something_is_sealed(body: bytes) -> None:
    with pytest.raises(ValueError, match="seal"):
        sealed(KEY, body)


def test_a_body_without_a_seal_has_none() -> None:
    assert seal_of(b'{"a":1}') is None
    assert right_seal(KEY, b'{"seal":"x"}') is None
