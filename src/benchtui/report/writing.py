"""A whole report from runs, and the three forms it is written in."""

from __future__ import annotations

from benchtui.report.answers import answer, compared, subtitle, title
from benchtui.report.blocks import Report
from benchtui.report.evidence_sections import declined, doubts, method, protection, provenance
from benchtui.report.subject import Subject
from benchtui.report.suite_sections import suite_sections


def report_of(subject: Subject) -> Report:
    """Every section, the answer first."""
    return Report(
        title(subject),
        subtitle(subject),
        (
            answer(subject),
            compared(subject),
            *suite_sections(subject),
            declined(subject),
            doubts(subject),
            protection(subject),
            method(subject),
            provenance(subject),
        ),
        f"benchtui {subject.version}, {subject.at:%Y-%m-%d %H:%M} UTC",
    )
