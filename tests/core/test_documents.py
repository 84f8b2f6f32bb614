"""Objects of the bucket are untrusted: bounded, finite, printable, and of a known schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.document_fields import parse_document, to_json
from benchtui.core.documents import CellOutcome, Outcome, ResultDocument, SentinelBody, SystemDocument
from benchtui.core.errors import InvalidDocumentError

NAME = "benchmarks/x/result.json"
RESULT = {
    "schema": "benchtui.result/1",
    "run": "20261124-021533-k3f7",
    "job": "c7g.large-1",
    "suite": "stream",
    "mode": "quick",
    "outcome": "measured",
    "provider": "aws",
    "instance_id": "i-1",
    "instance_type": "c7g.large",
    "started_at": "2026-11-24T02:15:33Z",
    "finished_at": "2026-11-24T02:16:33Z",
    "metrics": {"triad.all": {"unit": "GB/s", "higher_is_better": True, "samples": [{"value": 46.1}]}},
    "verified": True,
}


def parse(**changes: object) -> ResultDocument:
    return parse_document(ResultDocument, json.dumps(RESULT | changes).encode(), NAME)


def refused(body: bytes, model: type = ResultDocument) -> str:
    with pytest.raises(InvalidDocumentError) as error:
        parse_document(model, body, NAME)
    assert error.value.what.startswith(NAME), "the error names the object"
    return error.value.what


def test_a_result_survives_being_stored() -> None:
    result = parse()
    assert parse_document(ResultDocument, to_json(result), NAME) == result


def test_an_unknown_field_of_a_later_writer_is_no_error() -> None:
    assert parse(weather="fine").verified is True


def test_control_characters_never_reach_a_reader() -> None:
    result = parse(reason="\x1b]0;owned\x07[/x]\u202e", outcome="declined")
    assert result.reason is not None
    assert result.reason.isprintable()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    body = json.dumps(RESULT).replace("46.1", number)
    assert "metrics.triad.all" in refused(body.encode())


def test_a_newer_schema_is_said_to_be_newer_not_broken() -> None:
    assert "newer benchtui" in refused(json.dumps(RESULT | {"schema": "benchtui.result/2"}).encode())


@pytest.mark.parametrize("schema", [None, 7, "benchtui.run/1", "benchtui.result/", "benchtui.result/x1"])
def test_another_schema_is_refused(schema: object) -> None:
    assert "schema" in refused(json.dumps(RESULT | {"schema": schema}).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"x"', b"[" * 100_000])
def test_garbage_is_refused(body: bytes) -> None:
    refused(body)


def test_size_is_checked_before_anything_is_parsed() -> None:
    assert "more than" in refused(b" " * (SystemDocument.max_bytes + 1), SystemDocument)


@pytest.mark.parametrize(
    "change",
    [
        {"job": "../../x"},
        {"run": "latest"},
        {"suite": "Stream"},
        {"outcome": "great"},
        {"verified": "yes, really"},
        {
            "metrics": {
                "triad.all": {"unit": "GB/s", "higher_is_better": True, "samples": [{"value": "fast"}]}
            }
        },
    ],
)
def test_a_field_of_the_wrong_kind_is_named(change: dict[str, object]) -> None:
    assert next(iter(change)) in refused(json.dumps(RESULT | change).encode())


def test_the_body_of_a_final_sentinel_says_what_became_of_each_suite() -> None:
    body = SentinelBody(
        reason="suite stream failed",
        outcomes={"stream": CellOutcome(outcome=Outcome.DECLINED, reason="exit 3")},
    )
    assert parse_document(SentinelBody, to_json(body), NAME) == body


@given(st.binary(max_size=300))
def test_no_bytes_crash_a_reader(body: bytes) -> None:
    for model in (ResultDocument, SentinelBody, SystemDocument):
        try:
            parse_document(model, body, NAME)
        except InvalidDocumentError:
            continue


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from(sorted(RESULT)), json_values)
def test_no_value_in_any_field_crashes_a_reader(field: str, value: object) -> None:
    try:
        parse(**{field: value})
    except InvalidDocumentError as error:
        assert error.what.startswith(NAME)


def test_times_are_read_with_their_zone() -> None:
    assert parse().started_at == datetime(2026, 11, 24, 2, 15, 33, tzinfo=UTC)
