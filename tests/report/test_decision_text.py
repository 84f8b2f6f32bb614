"""The decision view as lines."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rich.cells import cell_len

from benchtui.core.compare import compare
from benchtui.core.decision import decide
from benchtui.report.decision_text import decision_lines, in_ascii, money, wrapped
from tests.comparing import THREE_TYPES, metric, result, results


def lines_of(rows=None, intensity=None, **options):
    return decision_lines(decide(compare(rows or THREE_TYPES, **options), 0, intensity))


def test_figures_stand_below_their_heads():
    head, *rows = lines_of()[1:5]
    for word in ("USD/h", "value", "per core", "USD per TB moved"):
        end = head.index(word) + len(word)
        assert all(row[end - 1].isdigit() or row[end - 1] == "–" for row in rows)
    assert head.index("frontier") == rows[0].index("yes")


def test_the_dearer_and_the_cheaper_type_each_say_when_the_order_turns():
    text = "\n".join(lines_of(baseline="c7i.large"))
    assert "break-even with c7i.large, per unit of work:" in text
    assert "c7g.large: wins as priced; c7i.large wins if its discount > 47 % (46 to 48 %)" in text
    assert "c7i.large: wins if its spot discount > 47 %" in "\n".join(lines_of(baseline="c7g.large"))


def test_what_cannot_be_told_apart_says_so():
    rows = results(c7g_large=[46.0, 48.0, 44.0], c7i_large=[56.7, 58.0, 55.0])
    assert "cannot be told from c7g.large at these prices; turns at a discount of" in "\n".join(
        lines_of(rows)
    )


def test_this_machine_is_told_to_have_no_price():
    lines = lines_of(results(local_2cpu=[12.0, 12.1, 12.2]))
    assert "note: this machine is not rented: it has no price, and so no price figures" in lines
    assert not any("USD per" in line or "wins" in line for line in lines)


def test_a_prediction_is_marked_as_such_with_its_interval():
    rows = [
        *results(c7g_large=[46.0, 46.1, 45.9]),
        *(
            result(
                "c7g.large", n, suite="mixed_precision", metrics={"peak.fp64.all": metric(60 + n, "GFLOP/s")}
            )
            for n in (0.1, 0.2, 0.3)
        ),
    ]
    text = "\n".join(lines_of(rows, 0.5))
    assert "c7g.large: predicted 23.00 GFLOP/s (22.8" in text
    assert "bound by memory" in text
    assert "a bound, not a measurement" in text


def test_nothing_to_decide_between_is_said():
    assert decision_lines(None) == ["decision: there is nothing to decide between yet"]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_every_line_fits_after_folding(width):
    lines = wrapped(lines_of(baseline="c7g.large", intensity=0.5)[5:], width)
    assert all(cell_len(line) <= width for line in lines)


@pytest.mark.parametrize(
    ("width", "kept"), [(80, ["USD/h", "value", "per core"]), (60, ["USD/h", "value"]), (40, [])]
)
def test_a_narrow_table_keeps_type_cost_of_work_and_frontier(width, kept):
    lines = decision_lines(decide(compare(THREE_TYPES, baseline="c7g.large")), width)[1:5]
    assert [word for word in ("USD/h", "value", "per core") if word in lines[0]] == kept
    assert all(word in lines[0] for word in ("type", "USD per TB moved", "frontier"))


def test_folding_loses_no_word():
    line = "  one two three four five six seven"
    assert " ".join(" ".join(wrapped([line], 14)).split()) == line.strip()
    assert wrapped(["x" * 50], 10) == ["x" * 50]  # a word is not broken


@pytest.mark.parametrize(
    ("usd", "text"), [("0.00043781", "0.0004378"), ("12.345", "12.34"), ("0.0000001", "0.0000001")]
)
def test_a_small_price_has_no_exponent(usd, text):
    assert money(Decimal(usd)) == text


def test_ascii_has_nothing_else():
    assert all(in_ascii(line).isascii() for line in lines_of())


def test_hostile_names_stay_one_printable_line():
    rows = [result("x\x1b[2J\ny", n, 46.0 + n) for n in (1, 2, 3)]
    assert all(line.isprintable() for line in lines_of(rows))
