"""Every form that results can be written in, by name and by the ending of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from benchtui.core.errors import UsageError
from benchtui.core.run_records import RunRecord
from benchtui.report.export.formats import FORMATS, Exported

REPORTS: Mapping[str, str] = {"html": "html", "markdown": "md", "text": "txt"}
#: What is written into a file of this ending; "" is a folder.
BY_ENDING: Mapping[str, str] = {
    **{ending: name for name, ending in REPORTS.items()},
    "csv": "csv",
    "jsonl": "jsonl",
    "parquet": "parquet",
    "py": "reframe",
    "json": "bencher",
    "xml": "junit",
    "": "computecompass",
}
WORDS: Mapping[str, str] = {
    "html": "a report as one HTML page",
    "markdown": "a report as Markdown",
    "text": "a report as plain text",
    "csv": "every measurement as CSV",
    "jsonl": "every measurement as JSON Lines",
    "parquet": "every measurement as Parquet",
    "reframe": "references for ReFrame",
    "bencher": "Bencher Metric Format",
    "junit": "JUnit XML, a test case for each cell",
    "computecompass": "a folder with the files of ComputeCompass",
}


def form_of(path: Path) -> str:
    """The form that a path asks for by its ending.

    Raises:
        UsageError: no form has this ending.
    """
    ending = path.suffix.removeprefix(".").lower()
    if ending not in BY_ENDING:
        known = ", ".join(f".{one}" for one in BY_ENDING if one)
        raise UsageError(f"no form has the ending .{ending}", fix=f"one of {known}, or none for a folder")
    return BY_ENDING[ending]


def make(
    form: str,
    records: Sequence[RunRecord],
    *,
    at: datetime,
    version: str,
    titles: Mapping[str, str] | None = None,
    baseline: str | None = None,
) -> Exported:
    """The files of a form.

    Args:
        form: one of `WORDS`.
        records: at least one run.
        at: time of a report.
        version: of benchtui.
        titles: of suites, by name.
        baseline: of a report; None: the first type that is ranked.

    Raises:
        UsageError: the form does not take these results, or a library it needs is not installed.
    """
    if form not in REPORTS:
        return FORMATS[form].make(records, False, version)
    from benchtui.report.subject import subject_of
    from benchtui.report.writing import report_of

    subject = subject_of(records, at=at, version=version, baseline=baseline, titles=titles)
    report = report_of(subject)
    if form == "html":
        from benchtui.report.html_page import render_html
        from benchtui.report.report_record import report_fields

        text = render_html(report, report_fields(subject))
    elif form == "markdown":
        from benchtui.report.markdown import render_markdown

        text = render_markdown(report)
    else:
        from benchtui.report.plain_text import render_text

        text = render_text(report)
    return Exported({"": text.encode()})
