"""Exports of the invented run: every column, the rules of each format, and files that never change unseen.

The expected files are in tests/fixtures/golden; `python -m tests.report.test_export` writes them anew.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchtui.core.documents import Outcome
from benchtui.core.errors import UsageError
from benchtui.core.run_records import RunRecord
from benchtui.report.export import bencher, junit, reframe, rows, tables
from benchtui.report.export.formats import FORMATS
from benchtui.report.forms import BY_ENDING, WORDS, form_of
from tests import golden

VERSION = "0.1.0"
#: Small ones whole; of the long tables the beginning, which has every column.
GOLDEN = {"bencher": "bencher.json", "junit": "junit.xml", "reframe": "reframe.txt"}
BEGINNING = {"csv": "measurements.csv", "jsonl": "measurements.jsonl"}
LINES = 12


def made(record: RunRecord, name: str, *, samples: bool = False) -> str:
    return FORMATS[name].make([record], samples, VERSION).files[""].decode()


def expected(record: RunRecord) -> dict[str, str]:
    found = {file: made(record, name) for name, file in GOLDEN.items()}
    for name, file in BEGINNING.items():
        found[file] = "".join(made(record, name).splitlines(keepends=True)[:LINES])
    compass = FORMATS["computecompass"].make([record], False, VERSION)
    return found | {name: body.decode() for name, body in compass.files.items()}


@pytest.fixture(scope="module")
def all_files(record: RunRecord) -> dict[str, str]:
    return expected(record)


@pytest.mark.parametrize(
    "file",
    [
        *GOLDEN.values(),
        *BEGINNING.values(),
        "memory-benchmarks.json",
        "cpu-benchmarks.json",
        "price-performance.json",
    ],
)
def test_files_are_those_of_the_last_time(all_files: dict[str, str], file: str):
    """Another file is another contract: look at the difference, then write it anew."""
    assert all_files[file] == (golden.FOLDER / file).read_bytes().decode()


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_and_json_lines_hold_every_planned_cell(record: RunRecord):
    found = table(made(record, "csv"))
    lines = [json.loads(line) for line in made(record, "jsonl").splitlines()]
    assert len(found) == len(lines)
    planned = {(row.job, row.suite) for row in record.rows}
    assert {(row["job"], row["suite"]) for row in found} == planned
    assert list(lines[0]) == list(found[0]) == list(rows.MeasurementRow.model_fields)


def test_a_measurement_has_its_median_and_where_it_is_from(record: RunRecord):
    (row,) = [
        one
        for one in table(made(record, "csv"))
        if (one["job"], one["metric"]) == ("c7g.large-1", "triad.all")
    ]
    document = record.document("c7g.large-1", "stream")
    assert document is not None
    counted = sorted(document.metrics["triad.all"].counted)
    assert float(row["value"]) == counted[2]
    assert (float(row["least"]), float(row["greatest"])) == (counted[0], counted[-1])
    assert (row["samples"], row["warm_ups"], row["unit"]) == ("5", "1", "GB/s")
    assert (row["verified"], row["plausible"], row["doubt"]) == ("true", "true", "")
    assert row["price_usd_per_hour"] == "0.0725"
    assert row["price_as_of"] == "2026-11-24T02:15:33.000Z"
    assert row["kernel"] == "6.1.0-18-cloud-arm64"
    assert row["result_sha256"] == record.sha256["c7g.large-1", "stream"]
    assert row["raw_sha256"] == golden.digest("raw c7g.large-1 stream")


def test_what_was_declined_has_a_reason_and_no_number(record: RunRecord):
    declined = [one for one in table(made(record, "csv")) if one["outcome"] == "declined"]
    assert {one["reason"] for one in declined} == {
        golden.LOST,
        golden.NO_HPL,
        "budget: too little left",
        "no AVX512-FP16",
    }
    numbers = ("value", "least", "greatest", "samples", "verified", "plausible")
    assert all(one[name] == "" for one in declined for name in numbers)
    assert {one["metric"] for one in declined if one["reason"] == "no AVX512-FP16"} == {"peak.fp16.all"}


def test_samples_are_all_repetitions_with_the_warm_ups(record: RunRecord):
    found = table(made(record, "csv", samples=True))
    documents = [one for one in record.documents.values() if not isinstance(one, str)]
    assert len(found) == sum(len(metric.samples) for one in documents for metric in one.metrics.values())
    assert sum(one["warm_up"] == "true" for one in found) == len(found) // 6
    assert list(found[0]) == list(rows.SampleRow.model_fields)
    (first,) = islice(rows.sample_rows([record]), 1)
    assert json.loads(tables.as_json_lines([first]))["value"] == float(found[0]["value"])


def test_csv_is_safe_in_a_spreadsheet_and_keeps_to_its_lines(record: RunRecord):
    nasty = '=cmd|"/c calc"!A1\n,"x'
    row = next(rows.measurement_rows([record])).model_copy(update={"reason": nasty, "zone": "@SUM(1)"})
    (found,) = table(tables.as_csv([row], rows.MeasurementRow))
    assert found["reason"] == '\'=cmd|"/c calc"!A1 ,"x'
    assert found["zone"] == "'@SUM(1)"


def test_numbers_are_written_so_that_they_can_be_read_back(record: RunRecord):
    for row in table(made(record, "csv"))[:40]:
        if row["value"]:
            assert repr(float(row["value"])) == row["value"]


def test_parquet_without_its_library_names_the_extra(record: RunRecord, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UsageError) as refused:
        FORMATS["parquet"].make([record], False, VERSION)
    assert refused.value.fix == "pip install 'benchtui[parquet]'"


def test_parquet_has_typed_columns(record: RunRecord):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    import pyarrow.parquet

    body = FORMATS["parquet"].make([record], False, VERSION).files[""]
    found = pyarrow.parquet.read_table(io.BytesIO(body))
    assert found.num_rows == len(table(made(record, "csv")))
    assert found.column_names == list(rows.MeasurementRow.model_fields)
    types = {field.name: str(field.type) for field in found.schema}
    assert types["value"] == "double"
    assert types["price_usd_per_hour"] == "decimal128(20, 10)"
    assert types["run_created_at"] == "timestamp[ms, tz=UTC]"
    assert types["verified"] == "bool"
    assert not found.schema.field("run").nullable
    assert found.schema.metadata[b"benchtui"] == VERSION.encode()
    assert found.column("value").null_count > 0


def test_reframe_thresholds_are_fractions_that_reframe_takes(record: RunRecord):
    kept, left = reframe.references([record])
    assert set(kept) == {"c7g.large", "c7i.large"}
    for of_type in kept.values():
        for value, lower, upper, unit in of_type.values():
            assert value > 0
            assert -1 <= lower < 0 < upper
            assert unit
    assert any(str(one).startswith("c7a.large stream") and "3 needed" in str(one) for one in left)


def test_reframe_allows_what_one_more_instance_may_measure(record: RunRecord):
    """Wider than the interval of the mean, and never narrower than the noise floor."""
    kept, _ = reframe.references([record])
    value, lower, upper, _ = kept["c7i.large"]["stream.triad.all"]
    assert (lower, upper) == pytest.approx((1 / 1.02 - 1, 0.02), rel=1e-4)
    value, lower, upper, _ = kept["c7g.large"]["stream.triad.all"]  # with its outlier
    rows_of = [row for row in record.rows if row.job.startswith("c7g.large") and row.suite == "stream"]
    medians = [row.metrics["triad.all"].median for row in rows_of if row.metrics]
    assert all(value * (1 + lower) < median < value * (1 + upper) for median in medians)
    assert upper > 0.15


def test_reframe_is_a_python_module_and_json_alike(record: RunRecord):
    text, _ = reframe.as_python([record])
    tree = ast.parse(text)
    assert isinstance(tree.body[1], ast.Assign)
    found = ast.literal_eval(tree.body[1].value)
    as_json = json.loads(reframe.as_json([record])[0])["reference"]
    assert {name: {key: list(one) for key, one in of.items()} for name, of in found.items()} == as_json


def test_bencher_has_value_and_interval_of_what_counts(record: RunRecord):
    text, left = bencher.as_bencher([record])
    found = json.loads(text)
    assert set(found) == {"c7g.large", "c7i.large", "c7a.large", "c8g.large"}
    for measures in found.values():
        for name, metric in measures.items():
            assert len(name) <= 64
            assert metric["lower_value"] < metric["value"] < metric["upper_value"]
    assert "hpl/hpl.all (GFLOP/s)" in found["c7i.large"]
    assert any("c7g.metal" in one.what for one in left)


def test_bencher_leaves_out_what_is_not_verified(lying):
    record = lying(lambda document: document.model_copy(update={"verified": None}))
    text, left = bencher.as_bencher([record])
    assert json.loads(text) == {}
    assert any(one.why == "not verified" for one in left)


def test_bencher_leaves_out_names_that_it_would_refuse(lying):
    def renamed(document: Any) -> Any:
        if not document.metrics:
            return document
        return document.model_copy(update={"metrics": {"x" * 70: next(iter(document.metrics.values()))}})

    text, left = bencher.as_bencher([lying(renamed)])
    assert json.loads(text) == {}
    assert any("more than 64 characters" in one.why for one in left)


@pytest.fixture
def suite(record: RunRecord) -> ElementTree.Element:
    root = ElementTree.fromstring(junit.as_junit([record]))
    (found,) = root
    return found


def case(suite: ElementTree.Element, job: str, of: str) -> ElementTree.Element:
    (found,) = [
        one
        for one in suite.findall("testcase")
        if (one.get("name"), one.get("classname")) == (job, f"{golden.RUN}.{of}")
    ]
    return found


def test_junit_has_a_case_for_every_planned_cell(record: RunRecord, suite: ElementTree.Element):
    assert len(suite.findall("testcase")) == len(record.rows) == int(suite.get("tests") or 0)
    counts = {name: int(suite.get(name) or 0) for name in ("failures", "errors", "skipped")}
    assert counts == {"failures": 1, "errors": 4, "skipped": 9}


def test_junit_skips_what_was_declined_with_its_reason(suite: ElementTree.Element):
    (skipped,) = case(suite, "c8g.large-1", "hpl").findall("skipped")
    assert skipped.get("message") == golden.NO_HPL
    (skipped,) = case(suite, "c7g.metal-1", "stream").findall("skipped")
    assert skipped.get("message") == "budget: too little left"


def test_junit_fails_what_failed_its_checks_and_tells_lost_instances_apart(suite: ElementTree.Element):
    (failure,) = case(suite, "c7i.large-4", "hpl").findall("failure")
    assert (failure.get("type"), failure.get("message")) == ("verification", "residual.all: 17.2, limit 16.0")
    (error,) = case(suite, "c8g.large-3", "stream").findall("error")
    assert (error.get("type"), error.get("message")) == ("LOST", golden.LOST)
    good = case(suite, "c7g.large-1", "stream")
    assert [one.tag for one in good] == ["system-out"]
    assert "triad.all 49.04 GB/s (5 samples)" in (good[0].text or "")


def test_junit_fails_what_is_implausible(lying):
    def copied(document: Any) -> Any:
        if document.suite != "stream" or not document.job.endswith("2"):
            return document
        return document.model_copy(update={"raw_sha256": None})

    root = ElementTree.fromstring(junit.as_junit([lying(copied)]))
    failures = [one for one in root.iter("failure") if one.get("type") == "plausibility"]
    assert failures
    assert "checksum-missing" in (failures[0].get("message") or "")


def test_junit_takes_no_markup_from_results(lying):
    nasty = "]]></system-out><testcase/>\x1b[31m\x00"

    def declined(document: Any) -> Any:
        return document.model_copy(update={"outcome": Outcome.DECLINED, "reason": nasty, "metrics": {}})

    text = junit.as_junit([lying(declined)])
    root = ElementTree.fromstring(text)
    assert len(list(root.iter("testcase"))) == 53
    assert "\x1b" not in text


def test_every_ending_has_a_form_with_words():
    assert set(BY_ENDING.values()) == set(WORDS)
    assert form_of(Path("x/report.HTML")) == "html"
    assert form_of(Path("folder")) == "computecompass"
    with pytest.raises(UsageError, match=r"no form has the ending \.pdf"):
        form_of(Path("report.pdf"))


def main() -> None:
    """Write the expected files."""
    with tempfile.TemporaryDirectory() as folder:
        found = expected(golden.record(Path(folder)))
    golden.FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in found.items():
        (golden.FOLDER / name).write_bytes(text.encode())


if __name__ == "__main__":
    main()
