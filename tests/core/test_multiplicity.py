"""Corrections for many verdicts: by hand, against scipy, and that no verdict contradicts its interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core import stats
from benchtui.core.compare import compare
from benchtui.core.instance_results import MetricKey
from benchtui.core.multiplicity import Correction, Family, allowances
from benchtui.core.stats import Contrast, Verdict
from tests.comparing import metric, result, results

levels = st.lists(st.floats(0, 1), min_size=1, max_size=12)
contrasts = st.lists(
    st.builds(
        Contrast,
        log_ratio=st.floats(-0.5, 0.5),
        standard_error=st.floats(1e-4, 0.2),
        degrees=st.floats(2, 30),
    ),
    min_size=1,
    max_size=6,
)


def family(correction: Correction, size: int, error: float = 0.05) -> Family:
    return Family(correction, size, error)


def test_holm_by_hand():
    # In order .01, .02, .04, .9: limits .0125 (decided), .05/3 (not), so the rest at .05/3 too.
    found = allowances([0.04, 0.01, 0.9, 0.02], family(Correction.HOLM, 4))
    assert [1 - one.confidence for one in found] == pytest.approx([0.05 / 3, 0.0125, 0.05 / 3, 0.05 / 3])
    assert [one.adjusted for one in found] == pytest.approx([0.08, 0.04, 0.9, 0.06])


def test_holm_goes_on_to_the_last_when_all_are_decided():
    found = allowances([0.04, 0.001, 0.02], family(Correction.HOLM, 3))
    assert [1 - one.confidence for one in found] == pytest.approx([0.05, 0.05 / 3, 0.025])


def test_benjamini_hochberg_by_hand():
    # .03 <= 3 x .05/4 decides three, though .02 > .0125 alone would not be the first: all at 3 x .05/4.
    found = allowances([0.03, 0.02, 0.9, 0.001], family(Correction.BENJAMINI_HOCHBERG, 4))
    assert [1 - one.confidence for one in found] == pytest.approx([0.0375] * 4)


def test_a_sweep_without_a_verdict_has_the_intervals_of_bonferroni():
    found = allowances([0.3, 0.4], family(Correction.BENJAMINI_HOCHBERG, 2))
    assert [1 - one.confidence for one in found] == pytest.approx([0.025, 0.025])


@given(levels)
def test_adjusted_levels_of_a_sweep_are_those_of_scipy(scipy_stats, given_levels):
    found = allowances(given_levels, family(Correction.BENJAMINI_HOCHBERG, len(given_levels)))
    assert [one.adjusted for one in found] == pytest.approx(
        list(scipy_stats.false_discovery_control(given_levels))
    )


@given(levels, st.sampled_from([Correction.HOLM, Correction.BENJAMINI_HOCHBERG]))
def test_decided_is_what_lies_within_its_allowance_and_what_is_adjusted_below_the_error(
    given_levels, correction
):
    for level, one in zip(
        given_levels, allowances(given_levels, family(correction, len(given_levels))), strict=True
    ):
        if abs(one.adjusted - 0.05) > 1e-9:
            assert (level <= 1 - one.confidence) == (one.adjusted <= 0.05)
        assert 0.95 - 1e-12 <= one.confidence < 1


@given(levels)
def test_holm_is_never_stricter_than_bonferroni(given_levels):
    for one in allowances(given_levels, family(Correction.HOLM, len(given_levels))):
        assert 1 - one.confidence >= 0.05 / len(given_levels) * (1 - 1e-12)


@given(contrasts, st.sampled_from([Correction.HOLM, Correction.BENJAMINI_HOCHBERG]), st.floats(0, 0.1))
def test_an_interval_says_what_the_correction_decided(several, correction, floor):
    found = [one.deciding_level(floor) for one in several]
    for one, level, allowed in zip(
        several, found, allowances(found, family(correction, len(several))), strict=True
    ):
        word = stats.verdict(one.interval(allowed.confidence), higher_is_better=True, floor=floor)
        if abs(level - (1 - allowed.confidence)) > 1e-9:
            assert (word is not Verdict.INCONCLUSIVE) == (level < 1 - allowed.confidence)


def three_like_one():
    """A baseline and three types 4 % faster."""
    return results(
        a0_large=[100, 101, 99, 100],
        a1_large=[104, 105, 103.4, 104],
        a2_large=[104.1, 105.1, 103, 104],
        a3_large=[104, 106, 102.8, 103.6],
    )


def test_verdicts_of_the_question_are_one_family_and_each_follows_from_its_interval():
    comparison = compare(three_like_one(), baseline="a0.large")
    (judged,) = comparison.families
    assert (judged.correction, judged.size, judged.metrics) == (Correction.HOLM, 3, ("stream/triad.all",))
    against = [row.cells[0].against for row in comparison.rows[1:]]
    for one in against:
        assert one.confidence > 0.95 or one is max(against, key=lambda each: each.contrast.deciding_level())
        assert one.verdict is stats.verdict(one.interval, higher_is_better=True)
        assert one.interval == one.contrast.interval(one.confidence)


def test_one_comparison_alone_has_the_usual_confidence():
    comparison = compare(results(c7g_large=[46.1, 45.9, 46.3], c7i_large=[30.2, 29.8, 30.5]))
    (judged,) = comparison.families
    assert judged.correction is Correction.NONE
    assert comparison.row("c7i.large").cells[0].against.confidence == 0.95


def test_what_was_not_asked_for_is_a_sweep():
    rows = [
        result(
            name, n, metrics={"triad.all": metric(value), "copy.all": metric(value), "add.all": metric(value)}
        )
        for name, level in (("c7g.large", 46), ("c7i.large", 30), ("c7a.large", 40))
        for n, value in enumerate((level, level * 1.01, level * 0.99), 1)
    ]
    keys = [MetricKey("stream", name) for name in ("triad.all", "copy.all", "add.all")]
    question, sweep = compare(rows, keys=keys).families
    assert (question.correction, question.size) == (Correction.HOLM, 2)
    assert (sweep.correction, sweep.size) == (Correction.BENJAMINI_HOCHBERG, 4)
    (all_asked,) = compare(rows, keys=keys, asked=3).families
    assert (all_asked.correction, all_asked.size) == (Correction.HOLM, 6)
