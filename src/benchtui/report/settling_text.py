"""What more measurement would settle, means over metrics and sweeps, as lines of text."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_CEILING, Decimal

from benchtui.core import quoting
from benchtui.core.comparison import Comparison
from benchtui.core.overall import Overall, OverallRow
from benchtui.core.plan_precision import PlanPrecision
from benchtui.core.sample_size import MOST, Needed, Spread
from benchtui.core.settling import PrecisionPlan, Settlement
from benchtui.core.stats import Verdict

CENT = Decimal("0.01")


def settlement_line(found: Settlement) -> str:
    """``2 more c7i.large ($0.18) would settle better than c7g.large, 82 % sure, if …``."""
    if found.reason is not None:
        return f"{found.name} against {found.base}: {found.reason}"
    more = " and ".join(f"{count} more {name}" for name, count in found.more)
    price = f" ({dollars(found.usd)})" if found.usd is not None else ""
    if found.verdict is None or found.power is None:
        return f"{more}{price} would give {found.name} a rank"
    says = f"{more}{price} would settle that {found.name} is {_claim(found.verdict)} {found.base}"
    return (
        f"{says}: {found.power * 100:.0f} % sure if ratio and spread stay as they are; "
        f"{found.at_most_words} if the spread is at its upper limit"
    )


def _claim(verdict: Verdict) -> str:
    return "equivalent to" if verdict is Verdict.EQUIVALENT else f"{verdict.value} than"


def precision_lines(plan: PrecisionPlan) -> list[str]:
    """``n = 5 per type for ±2 %: …``, and what that means for each type."""
    wanted = plan.needed
    ends = f"{_ends(wanted)} by the uncertainty of the spread"
    lines = [f"{_count(wanted.n)} per type for ±{wanted.precision * 100:g} % of a ratio ({ends})"]
    lines.append(f"  {spread_text(plan.spread)}")
    for one in plan.types:
        if one.more is None:
            lines.append(f"  {one.name}: {one.have} measured")
        elif not one.more:
            lines.append(f"  {one.name}: {one.have} measured, enough")
        else:
            price = "" if one.usd is None else f", {dollars(one.usd)}"
            lines.append(f"  {one.name}: {one.have} measured, {one.more} more{price}")
    if plan.usd:
        lines.append(f"  in all {dollars(plan.usd)}")
    return lines


def plan_precision_lines(found: PlanPrecision, most: int = 6) -> list[str]:
    """``n = 5 per type for ±2 % of a ratio, $0.43: …`` of a plan that is not launched yet."""
    price = "" if found.usd is None else f", {dollars(found.usd)}"
    wanted = f"{_count(found.n)} per type for ±{found.precision * 100:g} % of a ratio"
    lines = [f"{wanted}{price} (planned: {found.planned})"]
    for one in found.metrics[:most]:
        name, number = one.metric or "any metric", one.needed
        lines.append(f"  {name}: {_count(number.n)} ({_ends(number)}), {spread_text(one.spread)}")
    if len(found.metrics) > most:
        lines.append(f"  and {len(found.metrics) - most} metrics that need fewer")
    return lines


def _count(n: int | None) -> str:
    return f"n > {MOST}" if n is None else f"n = {n}"


def _ends(number: Needed) -> str:
    low, high = _end(number.low), _end(number.high)
    return low if low == high else f"{low} to {high}"


def _end(n: int | None) -> str:
    return f"more than {MOST}" if n is None else str(n)


def spread_text(spread: Spread) -> str:
    """Where a spread is from."""
    bounds = f"{spread.value * 100:.2g} % ({spread.low * 100:.2g} to {spread.high * 100:.2g} %)"
    if not spread.observed:
        return f"spread {bounds}: assumed, nothing was measured yet"
    groups = "1 group" if spread.groups == 1 else f"{spread.groups} groups"
    return f"spread {bounds}: observed, {spread.instances} instances in {groups}"


def dollars(usd: Decimal) -> str:
    """Never less than it costs: cents rounded up, below a cent four digits."""
    if 0 < usd < CENT:
        return f"${usd.quantize(Decimal('0.0001'), rounding=ROUND_CEILING)}"
    return f"${usd.quantize(CENT, rounding=ROUND_CEILING)}"


def overall_lines(found: Overall | None) -> list[str]:
    """Geometric means with what they cover."""
    if found is None:
        return []
    if not found.metrics:
        return [f"geometric mean: none, of {found.total} metrics none is ranked for all types"]
    lines = [f"geometric mean over {len(found.metrics)} of {found.total} metrics, above 1 is better:"]
    lines += [f"  {_mean(row)}" for row in found.rows]
    lines += [f"  not in it: {metric}, {why}" for metric, why in found.left_out[:6]]
    if len(found.left_out) > 6:
        lines.append(f"  and {len(found.left_out) - 6} more metrics are not in it")
    return lines


def _mean(row: OverallRow) -> str:
    if row.ratio is None or row.interval is None or row.confidence is None or row.verdict is None:
        return f"{row.name}: none, {row.reason}"
    return (
        f"{row.name}: {row.ratio:.3g} ({quoting.confidence_text(row.confidence)} interval "
        f"{row.interval.low:.3g} to {row.interval.high:.3g}, n = {row.n} and {row.base_n}): {row.verdict}"
    )


def sweep_lines(comparison: Comparison) -> list[str]:
    """How the verdicts of the other metrics fell, by type; empty if there are none."""
    columns = range(comparison.asked, len(comparison.columns))
    counts = {
        row.name: Counter(against.verdict for at in columns if (against := row.cells[at].against) is not None)
        for row in comparison.rows
    }
    told = {name: found for name, found in counts.items() if found}
    if not told:
        return []
    total = sum(found.total() for found in told.values())
    share = f"{(1 - comparison.confidence) * 100:.2g} %"
    lines = [f"other metrics, {total} comparisons, at most {share} of the verdicts wrong:"]
    for name, found in told.items():
        words = ", ".join(f"{found[verdict]} {verdict.value}" for verdict in Verdict if found[verdict])
        lines.append(f"  {name}: {words}")
    return lines


def family_line(comparison: Comparison) -> str | None:
    """How the verdicts of the question were corrected; None if there is one alone or none."""
    family = comparison.families[0] if comparison.families else None
    if family is None or family.size < 2 or family.metrics[0] != str(comparison.columns[0].key):
        return None
    metrics = "one metric" if len(family.metrics) == 1 else f"{len(family.metrics)} metrics"
    return (
        f"verdicts: {family.correction.words} over {family.size} comparisons of {metrics}: "
        f"at most {family.error * 100:.2g} % chance that any is wrong"
    )
