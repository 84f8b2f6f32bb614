"""JSON Schema files: made from the models as they are, and true of everything that is written."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from benchtui.cli.course import Course
from benchtui.cli.failures import error_fields
from benchtui.cli.runs import listing_fields
from benchtui.cli.status import snapshot_fields
from benchtui.core.errors import UsageError
from benchtui.core.plan_record import plan_to_dict
from benchtui.core.run_records import RunRecord
from benchtui.engine.collector import Collected
from benchtui.engine.events import Event
from benchtui.engine.runs import RunListing
from benchtui.report import schemas
from benchtui.report.comparison_record import comparison_fields
from benchtui.report.export import rows, tables
from benchtui.report.export.formats import FORMATS
from benchtui.report.report_record import plain, report_fields
from benchtui.report.subject import Subject
from tests import golden
from tests.core.test_plan import matrix, resolved
from tests.engine import fleet
from tests.schema_checks import breaks, holds, printed

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed: pip install '.[dev]'")


def test_made_ones_are_those_of_the_models():
    for name, content in schemas.made():
        kept = (schemas.FOLDER / name).read_text(encoding="utf-8")
        assert content == kept, f"{name}: python -m benchtui.report.schemas writes it anew"


@pytest.mark.long
@pytest.mark.parametrize("name", schemas.names())
def test_every_file_is_a_schema(name: str):
    schema = schemas.load(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == schemas.DIALECT


def test_documents_of_the_bucket(record: RunRecord):
    holds("run", json.loads(record.run.model_dump_json(by_alias=True)))
    assert record.census is not None
    holds("census", json.loads(record.census.model_dump_json(by_alias=True)))
    for system in record.systems.values():
        holds("system", json.loads(system.model_dump_json(by_alias=True)))
    document = record.document("c7g.large-1", "hpl")
    assert document is not None
    holds("result", json.loads(document.model_dump_json(by_alias=True)))


def test_lines_of_exports(record: RunRecord):
    declined = [row for row in rows.measurement_rows([record]) if row.outcome == "declined"]
    for row in (*islice(rows.measurement_rows([record]), 5), *declined[:: len(declined) // 4]):
        holds("measurement", json.loads(tables.as_json_lines([row])))
    for row in islice(rows.sample_rows([record]), 0, 400, 80):
        holds("sample", json.loads(tables.as_json_lines([row])))


def test_exports_for_other_tools(record: RunRecord):
    holds("bencher", json.loads(FORMATS["bencher"].make([record], False, "0").files[""]))
    holds("reframe", json.loads(FORMATS["reframe-json"].make([record], False, "0").files[""]))
    compass = FORMATS["computecompass"].make([record], False, "0").files
    for file, name in (
        ("memory-benchmarks.json", "computecompass-memory"),
        ("cpu-benchmarks.json", "computecompass-cpu"),
        ("price-performance.json", "computecompass-price"),
    ):
        holds(name, json.loads(compass[file]))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("stream", "triad", "bandwidth"), None),
        (("stream", "triad", "bandwidth"), 0),
        (("stream", "triad", "bandwidth"), "48.6"),
        (("stream", "triad"), {}),
        (("cache", "memory", "latency"), None),
        (("cache",), {}),
        (("numa",), None),
    ],
)
def test_the_schema_of_computecompass_refuses_what_breaks_its_page(record: RunRecord, path, value):
    content = json.loads((golden.FOLDER / "memory-benchmarks.json").read_text())
    holds("computecompass-memory", content)
    place = content["instances"]["c7g.large"]
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    breaks("computecompass-memory", content)


def test_a_local_type_or_a_lost_parent_breaks_it():
    content = json.loads((golden.FOLDER / "memory-benchmarks.json").read_text())
    content["instances"]["local.2cpu"] = content["instances"]["c7g.large"]
    breaks("computecompass-memory", content)
    breaks("computecompass-cpu", {})


def test_reports_and_comparisons(subject: Subject):
    data = json.loads(json.dumps(report_fields(subject)))
    holds("report-data", data)
    fields = json.loads(json.dumps(plain(comparison_fields(subject.comparison))))
    holds("compare", {"v": 1, "type": "compare", "runs": list(subject.runs), **fields})
    fields["types"][0]["cells"][0]["verdict"] = "best"
    breaks("comparison", fields)


def test_status_of_a_run():
    snapshot = fleet.snapshot(
        [fleet.row(fleet.running(f"c7g.large-{n}"), suites=("stream",)) for n in (1, 2)]
    )
    fields = printed({"v": 1, "type": "status", **snapshot_fields(snapshot, snapshot.rows)})
    holds("status", fields)
    fields["jobs"][0]["progress"] = 3
    breaks("status", fields)


def test_runs_of_the_bucket():
    run = fleet.run_of([fleet.planned("c7g.large-1")])
    listed = [
        listing_fields(RunListing(run.run, run.created_at, run)),
        listing_fields(RunListing(run.run, run.created_at, None, "not JSON")),
    ]
    holds("runs", printed({"v": 1, "type": "runs", "bucket": "b", "runs": listed}))


def test_the_summary_of_a_run(record: RunRecord, tmp_path: Path):
    assert record.census is not None
    course = Course()
    holds("collect", printed({"v": 1, "type": "summary", **course.summary(2, {"what": "x", "fix": None})}))
    course.run, course.collected = record.run, Collected(record.census, record.documents, tmp_path, 0, 0)
    fields = printed({"v": 1, "type": "collect", **course.summary(1)})
    holds("collect", fields)
    assert (fields["planned"], fields["measured"], fields["declined"]) == (53, 40, 13)


def test_an_event_and_an_error():
    holds("event", printed(Event("retry", fleet.after(0), {"job": "c7g.large-1"}).record(1)))
    problem = UsageError("no such run", fix="benchtui runs")
    holds("error", printed({"v": 1, "type": "error", "error": error_fields(problem), "exit_code": 2}))
    breaks("error", {"v": 1, "type": "error"})


def test_a_plan():
    plan = resolved(matrix(types=("c7g.large", "no.type"), replicates=2))
    fields = printed(plan_to_dict(plan))
    assert fields["declined"]
    holds("plan", fields)
    fields["jobs"][0]["worst_case_usd"] = 0.38
    breaks("plan", fields)
