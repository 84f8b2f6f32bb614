"""docs/TROUBLESHOOTING.md names every line of the doctor."""

from __future__ import annotations

import re
from pathlib import Path

from benchtui.engine.doctor.checks import CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "TROUBLESHOOTING.md"


def test_every_line_of_the_doctor_is_explained_and_no_other():
    table = PAGE.read_text().partition("## The lines")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert [name for row in rows for name in re.findall(r"`([a-z-]+)`", row)] == [
        check.name for check in CHECKS
    ]


def test_every_check_says_what_it_looks_at_and_builds_on_those_before_it():
    names: list[str] = []
    for check in CHECKS:
        assert check.about
        assert set(check.needs) <= set(names)
        names.append(check.name)
    assert len(names) == len(set(names))
