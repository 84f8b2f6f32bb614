"""Cells of a comparison: what counts of a metric's figures, and why something is not ranked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from benchtui.core import stats
from benchtui.core.comparison import Cell, Column, Member
from benchtui.core.instance_results import Basis, InstanceResult, MetricKey, MetricMedian, normalise, unit_per
from benchtui.core.stats import RANKED_FROM

Groups = Mapping[str, Sequence[InstanceResult]]
Recipe = tuple[str, str | None, str, bool]
_Having = tuple[InstanceResult, MetricMedian]


def column_of(
    groups: Groups, key: MetricKey, basis: Basis, confidence: float
) -> tuple[Column, dict[str, Cell], list[str]]:
    """One metric of all groups, with a cell of each, and notes on what was left out of it.

    Args:
        groups: results by the name they are shown under.
        key: the metric.
        basis: per what.
        confidence: of every interval.
    """
    having = {
        name: [
            (result, result.metrics[key.name])
            for result in results
            if result.suite == key.suite and result.metrics and key.name in result.metrics
        ]
        for name, results in groups.items()
    }
    everything = [one for of_group in having.values() for one in of_group]
    # The recipe of most instances; of equals that of the newest run.
    counts = Counter(_recipe(*one) for one in everything)
    newest = {_recipe(result, metric): result.planned_at for result, metric in sorted(everything, key=_age)}
    recipe = max(counts, key=lambda one: (counts[one], newest[one]), default=("", None, "", True))
    mode, version, unit, higher = recipe
    column = Column(key, unit_per(unit, basis, higher_is_better=higher), higher, mode, version)
    cells = {
        name: _cell(
            [one for one in having[name] if _recipe(*one) == recipe],
            [one for one in results if one.suite == key.suite],
            basis,
            confidence,
        )
        for name, results in groups.items()
    }
    left = Counter(_difference(other, recipe) for other in counts.elements() if other != recipe)
    return column, cells, [f"{key}: {count} left out, {why}" for why, count in left.items()]


def _recipe(result: InstanceResult, metric: MetricMedian) -> Recipe:
    """What two figures must share to be comparable."""
    return result.mode, result.version, metric.unit, metric.higher_is_better


def _age(one: _Having) -> float:
    return one[0].planned_at.timestamp()


def _difference(other: Recipe, recipe: Recipe) -> str:
    words = ("mode", "suite version", "unit", "direction")
    at = next(at for at in range(len(words)) if other[at] != recipe[at])
    return f"{words[at]} {other[at]} is not {recipe[at]}"


def _cell(
    having: Sequence[_Having],
    of_type: Sequence[InstanceResult],
    basis: Basis,
    confidence: float,
) -> Cell:
    if not having:
        reasons = dict.fromkeys(one.problem for one in of_type if one.problem)
        return Cell(missing="; ".join(reasons) or "not measured")
    members, unknown = [], ""
    for result, metric in having:
        value = normalise(metric, result, basis)
        if isinstance(value, str):
            unknown = value
        else:
            members.append(Member(result.run, result.job, value, result.verified, metric.doubt))
    if not members:
        return Cell(missing=unknown, unusable=len(having))
    counting = [member for member in members if member.counts]
    counted = tuple(counting or members)
    doubted = tuple(f"{member.job}: {member.doubt}" for member in members if member.doubt is not None)
    values = [member.value for member in counted]
    try:
        estimate = stats.geometric_mean(values, confidence)
    except ValueError:
        missing = "a value is not positive: there is no ratio to it"
        return Cell(members=counted, missing=missing, doubted=doubted)
    return Cell(
        estimate,
        counted,
        not_ranked=_why_not(members, counting),
        outliers=tuple(counted[at].job for at in stats.outlying(values)),
        unverified=sum(one.verified is not True for one in members) if counting else 0,
        doubted=doubted,
    )


def _why_not(members: Sequence[Member], counting: Sequence[Member]) -> str | None:
    """Why a cell is not ranked; None if it is."""
    if not counting:
        doubt = next((one.doubt for one in members if one.verified is True and one.doubt is not None), None)
        if doubt is not None:
            return doubt
        return "checks failed" if any(one.verified is False for one in members) else "not verified"
    if len(counting) < RANKED_FROM:
        count = len(counting)
        words = "verified and plausible" if any(one.doubt for one in members) else "verified"
        of = f" of {len(members)} {words}" if len(members) > count else ""
        return f"{count} {'instance' if count == 1 and not of else 'instances'}{of}, {RANKED_FROM} needed"
    return None
