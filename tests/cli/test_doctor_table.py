"""The doctor's findings as people read them: sign, word and colour, within 80 columns."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from benchtui.cli.doctor_table import fields, render
from benchtui.cli.tables import Glyphs
from benchtui.engine.doctor.examine import Diagnosis
from benchtui.engine.doctor.finding import Finding, Status

LONG = "a statement that says so much that it does not fit into one line of a terminal of eighty columns"
WEST, HOME = "us-west-1", "us-east-1"
FINDINGS = (
    Finding("python", Status.OK, "Python 3.11.7"),
    Finding("drill", Status.WARN, "no drill", "never seen to work", "benchtui drill", WEST),
    Finding("security-group", Status.FAIL, f"sg-1 [bold]lets in[/x] {LONG}", LONG, f"setup {LONG}", WEST),
    Finding("quota-spot", Status.UNKNOWN, f"needs region {HOME}", "m", None, HOME, f"region {HOME}"),
)
DIAGNOSIS = Diagnosis(FINDINGS, 1.25)


def shown(width: int, *, unicode: bool = True, colour: bool = False) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, force_terminal=colour, color_system="standard" if colour else None,
        markup=False, highlight=False,
    )  # fmt: skip
    for part in render(DIAGNOSIS, Glyphs(unicode)):
        console.print(part)
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_longer_than_the_terminal_and_no_word_is_lost(width: int):
    text = shown(width)
    assert max(map(len, text.splitlines())) <= width
    assert "[bold]lets in[/x]" in text
    together = "".join(text.split())
    assert together.count("".join(LONG.split())) == 3


def test_sign_and_word_stand_without_colour_and_in_ascii():
    assert "✗ fail" in shown(80)
    plain = shown(80, unicode=False)
    assert plain.isascii()
    assert "x fail" in plain
    assert "\x1b" not in plain
    assert "\x1b[31m" in shown(80, colour=True)


def test_what_only_waits_for_another_line_says_no_more_than_that():
    lines = shown(120).splitlines()
    (waiting,) = (number for number, line in enumerate(lines) if "needs region" in line)
    assert lines[waiting + 1] == ""
    assert lines[-1] == "1 ok, 1 warn, 1 fail, 1 unknown; 4 lines in 1.2 s"


def test_fields_have_everything_and_the_exit_code():
    answer = fields(DIAGNOSIS)
    assert answer["exit_code"] == 3
    assert answer["counts"] == {"ok": 1, "warn": 1, "fail": 1, "unknown": 1}
    assert answer["findings"][0]["where"] is None
    assert answer["findings"][3]["needs"] == "region us-east-1"
