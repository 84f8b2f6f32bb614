"""Decisions, means and forecasts as plain values for ``--json``; unknown is null, money a string."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from benchtui.core.comparison import Cell
from benchtui.core.decision import BreakEven, Choice, Decision, WorkPrice
from benchtui.core.overall import Overall
from benchtui.core.plan_precision import PlanPrecision
from benchtui.core.roofline import Roofline
from benchtui.core.sample_size import Spread
from benchtui.core.settling import PrecisionPlan, Settlement
from benchtui.core.stats import Interval

#: Decimal places of computed prices: a price of work may be far below a cent.
_PLACES = Decimal("1e-12")


def decision_fields(decision: Decision | None) -> dict[str, Any] | None:
    """The decision view."""
    if decision is None:
        return None
    return {
        "metric": str(decision.column.key),
        "unit": decision.column.unit,
        "higher_is_better": decision.column.higher_is_better,
        "baseline": decision.baseline,
        "no_cost_of_work": decision.no_work,
        "no_prices": decision.no_prices,
        "prices": decision.prices,
        "types": [_choice(choice) for choice in decision.choices],
        "roofline": None if decision.roofline is None else _roofline(decision.roofline),
    }


def _choice(choice: Choice) -> dict[str, Any]:
    return {
        "type": choice.name,
        "usd_per_hour": money(choice.usd_per_hour),
        "ranked": choice.cell.ranked,
        "value": _value(choice.cell),
        "per_core": _value(choice.per_core),
        "work": _work(choice.work),
        "on_frontier": choice.on_front,
        "beaten_by": choice.beaten_by,
        "surely_beaten": choice.surely,
        "break_even": _break_even(choice.break_even),
    }


def _value(cell: Cell) -> dict[str, Any] | None:
    if cell.estimate is None:
        return None
    return {"value": cell.estimate.value, "interval": bounds(cell.estimate.interval), "n": cell.n}


def _work(work: WorkPrice | None) -> dict[str, Any] | None:
    if work is None:
        return None
    ends = None if work.low is None or work.high is None else [money(work.low), money(work.high)]
    return {"unit": work.words, "usd": money(work.usd), "interval": ends}


def _break_even(found: BreakEven | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "with": found.base,
        "usd_per_hour": money(found.usd_per_hour),
        "interval": [money(found.low), money(found.high)],
        "confidence": found.confidence,
        "cheaper": found.cheaper,
        "dearer": found.dearer,
        "discount": found.discount,
        "discount_interval": [found.discount_low, found.discount_high],
    }


def _roofline(found: Roofline) -> dict[str, Any]:
    return {
        "predicted": True,
        "flop_per_byte": found.intensity,
        "peak": str(found.peak),
        "bandwidth": str(found.bandwidth),
        "confidence": found.confidence,
        "types": [
            {
                "type": one.name,
                "gflop_per_s": one.gflops,
                "interval": bounds(one.interval),
                "n": one.n,
                "bound_by": None if one.bound is None else one.bound.value,
                "ridge_flop_per_byte": one.ridge,
                "usd_per_10^15_flop": money(one.usd),
                "reason": one.reason or one.caution,
            }
            for one in found.predictions
        ],
    }


def overall_fields(found: Overall | None) -> dict[str, Any] | None:
    """Geometric means over metrics."""
    if found is None:
        return None
    return {
        "metrics": list(found.metrics),
        "metrics_in_all": found.total,
        "not_in_it": [{"metric": metric, "reason": why} for metric, why in found.left_out],
        "types": [
            {
                "type": row.name,
                "ratio": row.ratio,
                "interval": bounds(row.interval),
                "confidence": row.confidence,
                "verdict": None if row.verdict is None else row.verdict.value,
                "n": row.n,
                "baseline_n": row.base_n,
                "reason": row.reason,
            }
            for row in found.rows
        ],
    }


def settlement_fields(found: Settlement) -> dict[str, Any]:
    """What would settle a verdict."""
    return {
        "type": found.name,
        "with": found.base,
        "verdict": None if found.verdict is None else found.verdict.value,
        "more": dict(found.more),
        "usd": money(found.usd),
        "power": found.power,
        "more_at_most": None if found.at_most is None else dict(found.at_most),
        "reason": found.reason,
    }


def plan_precision_fields(found: PlanPrecision) -> dict[str, Any]:
    """Replicates that a plan needs for a precision."""
    return {
        "precision": found.precision,
        "planned": found.planned,
        "n": found.n,
        "usd": money(found.usd),
        "metrics": [
            {
                "metric": one.metric,
                "n": one.needed.n,
                "n_low": one.needed.low,
                "n_high": one.needed.high,
                "spread": _spread(one.spread),
            }
            for one in found.metrics
        ],
    }


def _spread(spread: Spread) -> dict[str, Any]:
    return {
        "value": spread.value,
        "interval": [spread.low, spread.high],
        "basis": "observed" if spread.observed else "assumed",
        "instances": spread.instances,
    }


def precision_fields(plan: PrecisionPlan) -> dict[str, Any]:
    """Instances for a precision."""
    return {
        "precision": plan.needed.precision,
        "n": plan.needed.n,
        "n_low": plan.needed.low,
        "n_high": plan.needed.high,
        "spread": _spread(plan.spread),
        "types": [
            {"type": one.name, "measured": one.have, "more": one.more, "usd": money(one.usd)}
            for one in plan.types
        ],
        "usd": money(plan.usd),
    }


def bounds(interval: Interval | None) -> list[float] | None:
    """The two ends."""
    return None if interval is None else [interval.low, interval.high]


def money(usd: Decimal | None) -> str | None:
    """A string, to the 10^-12 of a dollar."""
    return None if usd is None else format(usd.quantize(_PLACES).normalize(), "f")
