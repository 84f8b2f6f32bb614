"""What `benchtui doctor` found, for people and for programs."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchtui.cli.tables import BAD, FAINT, GOOD, WARN, Glyphs
from benchtui.engine.doctor.checks import CHECKS
from benchtui.engine.doctor.examine import Diagnosis
from benchtui.engine.doctor.finding import Finding, Status

_STYLE = {Status.OK: GOOD, Status.WARN: WARN, Status.FAIL: BAD, Status.UNKNOWN: FAINT}
_UNICODE = {Status.OK: "✓", Status.WARN: "!", Status.FAIL: "✗", Status.UNKNOWN: "?"}
_ASCII = {Status.OK: "+", Status.WARN: "!", Status.FAIL: "x", Status.UNKNOWN: "?"}


def render(diagnosis: Diagnosis, glyphs: Glyphs) -> list[Any]:
    """A line per check; below those that are not well what it means and what mends it."""
    signs = _UNICODE if glyphs.times == "×" else _ASCII
    parts: list[Any] = []
    width = max((len(finding.name) for finding in diagnosis.findings), default=0)
    for finding in diagnosis.findings:
        parts.append(_line(finding, signs[finding.status], width))
    counts = ", ".join(f"{diagnosis.count(status)} {status}" for status in Status if diagnosis.count(status))
    return [*parts, Text(), Text(f"{counts}; {len(diagnosis.findings)} lines in {diagnosis.seconds:.1f} s")]


def _line(finding: Finding, sign: str, width: int) -> Table:
    row = Table.grid(padding=(0, 1))
    row.add_column(width=9, no_wrap=True)
    row.add_column(width=min(width, 26), overflow="fold")
    row.add_column(overflow="fold", ratio=1)
    said: list[Text] = [Text(finding.found)]
    if finding.status is not Status.OK and finding.needs is None:
        said.append(Text(finding.means, style=FAINT))
        if finding.fix:
            said.append(Text(f"fix: {finding.fix}"))

    row.add_row(
        Text(f"{sign} {finding.status.value}", style=_STYLE[finding.status]), finding.name, Group(*said)
    )
    return row


def fields(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis for ``--json``."""
    about = {check.name: check.about for check in CHECKS}
    return {
        "v": 1,
        "type": "doctor",
        "findings": [
            {
                "check": finding.check,
                "where": finding.where or None,
                "status": finding.status.value,
                "about": about.get(finding.check),
                "found": finding.found,
                "means": finding.means or None,
                "fix": finding.fix,
                "needs": finding.needs,
            }
            for finding in diagnosis.findings
        ],
        "counts": {status.value: diagnosis.count(status) for status in Status},
        "seconds": round(diagnosis.seconds, 3),
        "exit_code": int(diagnosis.exit_code),
    }
