"""What is said of a comparison."""

from __future__ import annotations

import pytest

from benchtui.core import quoting
from benchtui.core.compare import compare
from benchtui.core.instance_results import Basis
from tests.comparing import THREE_TYPES, result, results


def test_a_sentence_against_the_baseline_has_everything_a_quotation_needs():
    said = quoting.sentence(compare(THREE_TYPES, baseline="c7i.large"), "c7g.large", 0)
    assert said.startswith(
        "c7g.large has 1.53 times the stream triad.all of c7i.large per instance: better ("
    )
    for part in (
        "better (95 % interval 1.49 to 1.57, n = 3",
        "n = 3 and 3 instances",
        "46.10 against 30.17 GB/s",
        "higher is better",
        "c7g.large on demand $0.0725/h in us-west-2 (pricing-api, 2026-11-24).",
        "c7i.large on demand $0.0893/h",
        "Run 20261124-021533-k3f7.",
    ):
        assert part in said


def test_the_baseline_alone_is_a_figure_with_its_interval():
    said = quoting.sentence(compare(THREE_TYPES, baseline="c7g.large"), "c7g.large", 0)
    assert said.startswith("c7g.large: stream triad.all 46.10 GB/s (n = 3 instances, 95 % interval 45.6")


def test_what_is_not_ranked_is_quoted_as_such():
    said = quoting.sentence(compare(THREE_TYPES), "c7a.large", 0)
    assert "not ranked: 2 instances, 3 needed." in said
    assert "times" not in said


def test_what_was_not_measured_says_why():
    said = quoting.sentence(compare([*THREE_TYPES, result("c8g.large", 1, None)]), "c8g.large", 0)
    assert said == "c8g.large has no stream triad.all per instance: not launched: no capacity."


def test_a_local_figure_names_the_machine_and_no_price():
    said = quoting.sentence(compare(results(local_2cpu=[12.0, 13.0])), "local.2cpu", 0)
    assert "local.2cpu is this machine (AMD EPYC), not rented." in said
    assert "$" not in said


def test_several_runs_are_counted():
    runs = [result("c7g.large", 1, run=f"2026112{n}-021533-k3f7") for n in (4, 5)]
    assert quoting.sentence(compare(runs), "c7g.large", 0).endswith(
        "From 2 runs, 20261124-021533-k3f7 to 20261125-021533-k3f7."
    )


def test_words_of_verdicts():
    comparison = compare([*THREE_TYPES, result("c8g.large", 1, None)], baseline="c7g.large")
    words = {row.name: quoting.verdict_word(comparison, row, 0) for row in comparison.rows}
    assert words == {
        "c7a.large": "not ranked",
        "c7g.large": "baseline",
        "c7i.large": "worse",
        "c8g.large": "–",
    }


def test_verdicts_with_their_ratio_and_reasons_beside_them():
    comparison = compare(THREE_TYPES, baseline="c7g.large")
    texts = {row.name: quoting.verdict_text(comparison, row, 0) for row in comparison.rows}
    assert texts == {"c7a.large": "not ranked", "c7g.large": "baseline", "c7i.large": "worse 0.654×"}
    reasons = {row.name: quoting.why(row.cells[0]) for row in comparison.rows}
    assert reasons == {"c7a.large": "2 instances, 3 needed", "c7g.large": "", "c7i.large": ""}


def test_a_verdict_that_cannot_be_given_says_why():
    comparison = compare(THREE_TYPES, baseline="c7a.large")
    row = comparison.row("c7g.large")
    assert quoting.verdict_text(comparison, row, 0) == "no verdict"
    assert quoting.why(row.cells[0]).startswith("the baseline c7a.large is not ranked")


def test_unknown_is_a_dash_and_never_zero():
    comparison = compare(results(local_2cpu=[12.0]), basis=Basis.DOLLAR)
    cell = comparison.rows[0].cells[0]
    assert quoting.value_text(cell) == quoting.interval_text(cell) == "–"
    assert quoting.usd_per_hour(comparison.rows[0].usd_per_hour) == "–"


def test_a_single_instance_has_no_interval():
    assert quoting.interval_text(compare(results(c7g_large=[46.1])).rows[0].cells[0]) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (46.1, "46.10"),
        (1234.5, "1234"),
        (0.5, "0.5000"),
        (2.5e7, "2.500e+07"),
        (1e-5, "1.000e-05"),
        (0.0, "0.000"),
    ],
)
def test_four_significant_digits(value, text):
    assert quoting.number(value) == text


def test_remarks_name_outliers_what_was_left_out_and_this_machine():
    mixed = [
        *results(c7g_large=[46.0, 46.1, 45.9, 46.2, 23.0], local_2cpu=[12.0]),
        result("c7g.large", 6, verified=False),
        result("c7g.large", 7, mode="full"),
    ]
    assert quoting.remarks(compare(mixed), 0) == (
        "c7g.large: outlying, and counted all the same: c7g.large-5",
        "c7g.large: 1 not verified, left out",
        "local types are this machine (AMD EPYC), not instances of EC2",
        "stream/triad.all: 1 left out, mode full is not quick",
    )


def test_hostile_reasons_stay_one_printable_line():
    said = quoting.sentence(compare([result("c7g.large", 1, None, problem="x\x1b[2J\ny")]), "c7g.large", 0)
    assert said.isprintable()
