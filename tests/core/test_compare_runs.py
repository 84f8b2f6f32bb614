"""A run against earlier ones, each type against itself."""

from __future__ import annotations

import pytest

from benchtui.core import quoting
from benchtui.core.compare import compare_runs
from benchtui.core.stats import Verdict
from tests.comparing import result, results

NEAR = results(c7g_large=[46.1, 45.2, 46.9], c7i_large=[43.9, 42.6, 44.5])


def measured(name: str, *values: float, **changes):
    return [result(name, n, value, **changes) for n, value in enumerate(values, 1)]


def earlier(name: str, *values: float, **changes):
    return measured(name, *values, run="20261120-021533-k3f7", **changes)


def test_a_run_is_held_against_an_earlier_one_type_by_type():
    new = [*measured("c7g.large", 40.1, 39.9, 40.3), *measured("c7i.large", 30.2, 29.8, 30.5)]
    old = [*earlier("c7g.large", 46.1, 45.9, 46.3), *earlier("c7i.large", 30.0, 30.1, 30.3)]
    comparison = compare_runs(new, old)
    verdicts = {row.name: row.cells[0].against.verdict for row in comparison.rows}
    assert verdicts == {"c7g.large": Verdict.WORSE, "c7i.large": Verdict.INCONCLUSIVE}
    assert comparison.baseline is None
    assert comparison.base_of(comparison.row("c7g.large")).cells[0].estimate.value == pytest.approx(
        46.1, rel=1e-3
    )
    said = quoting.sentence(comparison, "c7g.large", 0)
    assert said.startswith(
        "c7g.large has 0.87 times the stream triad.all in run 20261120-021533-k3f7 per instance"
    )


def test_a_type_without_a_past_has_no_verdict_and_says_why():
    comparison = compare_runs(NEAR, earlier("c7g.large", 46.1, 45.9, 46.3))
    cell = comparison.row("c7i.large").cells[0]
    assert (cell.against, cell.no_verdict) == (None, "no earlier run measured this type")


def test_an_earlier_run_of_two_gives_no_verdict():
    comparison = compare_runs(NEAR, earlier("c7g.large", 46.1, 45.9))
    assert comparison.row("c7g.large").cells[0].no_verdict == (
        "the earlier figure is not ranked: 2 instances, 3 needed"
    )


def test_another_version_of_the_suite_is_not_compared():
    comparison = compare_runs(NEAR, earlier("c7g.large", 46.1, 45.9, 46.3, version="0"))
    assert comparison.row("c7g.large").cells[0].against is None
    assert any("suite version 0 is not 1" in note for note in comparison.notes)
