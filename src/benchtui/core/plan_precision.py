"""How many replicates a plan needs for a wanted precision, and their price, before anything is launched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from benchtui.core.compare import compare
from benchtui.core.instance_results import InstanceResult, headline_keys
from benchtui.core.plan import Plan
from benchtui.core.sample_size import PRIOR, Needed, Spread, needed, spread_of


@dataclass(frozen=True, slots=True)
class MetricPrecision:
    """What one metric needs."""

    metric: str | None  # None: of any metric, by a spread that is assumed
    spread: Spread
    needed: Needed


@dataclass(frozen=True, slots=True)
class PlanPrecision:
    """What a plan needs, the most demanding metric first."""

    precision: float
    metrics: tuple[MetricPrecision, ...]
    planned: int  # replicates of the type that has fewest
    n: int | None  # replicates so that every metric is known so well; None: too many
    usd: Decimal | None  # expected of so many; None: too many


def plan_precision(plan: Plan, results: Sequence[InstanceResult], precision: float) -> PlanPrecision:
    """Replicates for ±``precision`` of the ratio of two types, in every metric that tells most.

    The spread is that within runs and types of earlier results of the plan's own types, suites and mode;
    where there are none it is assumed.

    Args:
        plan: with its jobs.
        results: measured before.
        precision: half a 95 % interval, as a fraction.
    """
    each = {job.instance_type: job.expected_usd for job in plan.jobs}
    suites = {suite for job in plan.jobs for suite in job.suites}
    alike = [
        one
        for one in results
        if one.instance_type in each and one.suite in suites and one.mode == plan.mode and one.metrics
    ]
    found = [
        MetricPrecision(metric, spread, needed(precision, spread))
        for metric, spread in _spreads(alike)
        if spread.observed
    ] or [MetricPrecision(None, PRIOR, needed(precision, PRIOR))]
    found.sort(key=lambda one: (-one.spread.value, one.metric or ""))
    most = found[0].needed.n
    counts = [sum(job.instance_type == name for job in plan.jobs) for name in each]
    usd = None if most is None else sum((price * most for price in each.values()), Decimal(0))
    return PlanPrecision(precision, tuple(found), min(counts, default=0), most, usd)


def _spreads(results: Sequence[InstanceResult]) -> list[tuple[str, Spread]]:
    """Spread of each telling metric over what counts; a change from run to run is none of it."""
    comparison = compare(results, keys=headline_keys(results))
    found = []
    for at, column in enumerate(comparison.columns):
        groups: dict[tuple[str, str], list[float]] = {}
        for row in comparison.rows:
            for member in row.cells[at].members:
                groups.setdefault((row.name, member.run), []).append(member.value)
        found.append((str(column.key), spread_of(list(groups.values()))))
    return found
