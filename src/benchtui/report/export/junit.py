"""JUnit XML: a test case for every planned cell, for the test tab of a CI system.

Elements and attributes are those that Jenkins' schema allows (junit-10.xsd of its xUnit plugin). A cell that
was declined is skipped with its reason; one whose instance was lost or failed is an error; one whose checks
failed or whose numbers cannot be is a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from benchtui.core import quoting, stats
from benchtui.core.documents import Outcome, ResultDocument
from benchtui.core.instance_results import InstanceResult
from benchtui.core.keys import JobState
from benchtui.core.result_notes import failed_checks
from benchtui.core.run_records import RunRecord
from benchtui.core.text import clean_line

#: States in which a job ended without having done what it was for, and nobody had declined it.
BROKEN = frozenset(
    {
        JobState.FAILED,
        JobState.TIMED_OUT,
        JobState.EMERGENCY_STOP,
        JobState.LOST,
        JobState.NEVER_STARTED,
    }
)
LONGEST = 2_000


def as_junit(records: Sequence[RunRecord]) -> str:
    """A test suite for each run."""
    root = ElementTree.Element("testsuites", name="benchtui")
    for record in records:
        root.append(_suite(record))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(record: RunRecord) -> ElementTree.Element:
    run = record.run
    suite = ElementTree.Element("testsuite", name=run.run, timestamp=f"{run.created_at:%Y-%m-%dT%H:%M:%S}")
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (
        ("name", run.name),
        ("mode", run.mode),
        ("regions", ", ".join(run.regions)),
        ("benchtui", run.benchtui_version),
    ):
        ElementTree.SubElement(properties, "property", name=name, value=clean_line(value, LONGEST))
    states = {(row.job, row.suite): row.state for row in record.census.rows} if record.census else {}
    seconds = 0.0
    for row in record.rows:
        document = record.document(row.job, row.suite)
        case = _case(record, row, document, states.get((row.job, row.suite)))
        seconds += float(case.get("time", "0"))
        suite.append(case)
    suite.set("tests", str(len(record.rows)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", f"{seconds:.3f}")
    return suite


def _case(
    record: RunRecord, row: InstanceResult, document: ResultDocument | None, state: str | None
) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=f"{row.run}.{row.suite}", name=row.job)
    if document is not None and document.outcome is Outcome.MEASURED:
        seconds = max((document.finished_at - document.started_at).total_seconds(), 0.0)
        case.set("time", f"{seconds:.3f}")
    if row.metrics is None or document is None:
        broken = state in BROKEN or isinstance(record.documents.get((row.job, row.suite)), str)
        _add(case, "error" if broken else "skipped", state or "declined", row.problem or "not measured")
        return case
    problem = _failure(record, row, document)
    if problem is not None:
        _add(case, "failure", *problem)
    _output(case, row, document)
    return case


def _failure(record: RunRecord, row: InstanceResult, document: ResultDocument) -> tuple[str, str] | None:
    """What is wrong with a measured cell; None if it is as it should be."""
    judgement = record.judgements.get((row.job, row.suite))
    if document.verified is not True:
        failed = "; ".join(failed_checks(document)) or "not every declared check was made"
        return "verification", failed
    if judgement is not None and not judgement.ranked:
        return "plausibility", "; ".join(judgement.told) or "its numbers are not known to be plausible"
    return None


def _add(case: ElementTree.Element, tag: str, kind: str, message: str) -> None:
    ElementTree.SubElement(case, tag, type=clean_line(kind), message=clean_line(message, LONGEST))


def _output(case: ElementTree.Element, row: InstanceResult, document: ResultDocument) -> None:
    """The medians, those that tell most first."""
    lines = [f"{document.instance_type} {document.instance_id} {document.zone or ''}".rstrip()]
    ordered = sorted(
        document.metrics.items(), key=lambda one: (one[1].headline is None, one[1].headline or 0, one[0])
    )
    for name, metric in ordered:
        if metric.counted:
            value = quoting.number(stats.median(metric.counted))
            lines.append(f"{name} {value} {metric.unit} ({len(metric.counted)} samples)")
    out = ElementTree.SubElement(case, "system-out")
    out.text = "\n".join(clean_line(line, LONGEST) for line in lines)
