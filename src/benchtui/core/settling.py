"""What one more dollar of measurement would settle: more instances for a verdict, and their price."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from benchtui.core.comparison import Cell, Comparison, TypeRow
from benchtui.core.sample_size import (
    MOST,
    Needed,
    Side,
    Spread,
    Way,
    needed,
    spread_of,
    ways_to_settle,
)
from benchtui.core.stats import RANKED_FROM, Verdict


@dataclass(frozen=True, slots=True)
class Settlement:
    """What it would take to have a verdict where there is none; ``reason`` if nothing would do."""

    name: str
    base: str  # what it is compared with, as it is read
    verdict: Verdict | None = None  # that which the ratio stands for; None: a rank is missing, or all are
    more: tuple[tuple[str, int], ...] = ()  # instances by type
    usd: Decimal | None = None  # as planned for each; None: this machine, or not known
    power: float | None = None
    at_most: tuple[tuple[str, int], ...] | None = None  # with the spread at its upper bound
    reason: str | None = None

    @property
    def at_most_words(self) -> str:
        """``9``; ``more than 100``."""
        if self.at_most is None:
            return f"more than {MOST}"
        return " and ".join(str(count) for _, count in self.at_most)


@dataclass(frozen=True, slots=True)
class TypeNeed:
    """Instances of a type for a precision, those there are, and the price of the others."""

    name: str
    have: int
    more: int | None  # None: more than `MOST` in all
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class PrecisionPlan:
    """What it takes to know every ratio of a metric to ± so much."""

    needed: Needed
    spread: Spread
    types: tuple[TypeNeed, ...]

    @property
    def usd(self) -> Decimal | None:
        """Of all types together; None if that of one is not known."""
        prices = [one.usd for one in self.types]
        known = [price for price in prices if price is not None]
        return sum(known, Decimal(0)) if known and len(known) == len(prices) else None


def usd_each(row: TypeRow) -> Decimal | None:
    """What another instance of a type is planned to cost with all its suites; None if nobody rents it."""
    known = {(one.run, one.job): one.expected_usd for one in row.results if one.expected_usd is not None}
    if row.local or not known:
        return None
    return sum(known.values(), Decimal(0)) / len(known) or None


def settlements(comparison: Comparison, position: int) -> tuple[Settlement, ...]:
    """For every type of a column that has figures and no verdict: what would give it one."""
    if not comparison.columns:
        return ()
    found: list[Settlement] = []
    for row in comparison.in_order(position):
        cell = row.cells[position]
        if cell.against is not None:
            if cell.against.verdict is Verdict.INCONCLUSIVE:
                found.append(_settled(comparison, row, position))
        elif cell.estimate is not None:
            short = _to_be_ranked(comparison, row, cell)
            if short is not None:
                found.append(short)
    return tuple(found)


def _to_be_ranked(comparison: Comparison, row: TypeRow, cell: Cell) -> Settlement | None:
    """Instances that are missing for a rank, where their number alone is missing."""
    counting = sum(member.counts for member in cell.members)
    if cell.ranked or not 0 < counting < RANKED_FROM:
        return None
    more = RANKED_FROM - counting
    price = usd_each(row)
    base = comparison.base_of(row)
    return Settlement(
        row.name,
        base.name if base is not None else "",
        more=((row.name, more),),
        usd=None if price is None else price * more,
    )


def _settled(comparison: Comparison, row: TypeRow, position: int) -> Settlement:
    cell, base = row.cells[position], comparison.base_of(row)
    assert cell.against is not None
    assert base is not None
    ours, theirs = (Side.of([one.value for one in of.members]) for of in (cell, base.cells[position]))
    against = cell.against
    ways = ways_to_settle(against.contrast.log_ratio, ours, theirs, comparison.floor, 1 - against.confidence)
    if comparison.earlier:  # what is over cannot be measured again under the same conditions
        ways = tuple(way for way in ways if not way.theirs)
    words = f"{base.name} before" if comparison.earlier else base.name
    ratio = against.ratio
    if not ways:
        return Settlement(row.name, words, reason=_hopeless(comparison, ratio))
    prices = usd_each(row), usd_each(base)

    def cost(way: Way) -> tuple[Decimal, int]:
        known = [Decimal(0) if price is None else price for price in prices]
        return known[0] * way.ours + known[1] * way.theirs, way.ours + way.theirs

    best = min(ways, key=cost)
    missing = (best.ours and prices[0] is None) or (best.theirs and prices[1] is None)
    return Settlement(
        row.name,
        words,
        verdict=_stands_for(ratio, comparison.floor, higher=comparison.columns[position].higher_is_better),
        more=_counts((row.name, best.ours), (base.name, best.theirs)),
        usd=None if missing else cost(best)[0],
        power=best.power,
        at_most=None
        if best.at_most is None
        else _counts((row.name, best.at_most[0]), (base.name, best.at_most[1])),
    )


def _hopeless(comparison: Comparison, ratio: float) -> str:
    """Why no number of instances would do."""
    if comparison.earlier:
        return f"the earlier figure is too uncertain for a ratio of {ratio:.3g}: {MOST} more now would not do"
    return (
        f"the ratio {ratio:.3g} lies too near the noise floor of {comparison.floor * 100:g} % for "
        f"its spread: {MOST} more of each would not do"
    )


def _counts(*each: tuple[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((name, count) for name, count in each if count)


def _stands_for(ratio: float, floor: float, *, higher: bool) -> Verdict:
    """The verdict if the ratio were known without error."""
    if 1 / (1 + floor) <= ratio <= 1 + floor:
        return Verdict.EQUIVALENT
    return Verdict.BETTER if (ratio > 1) == higher else Verdict.WORSE


def precision_plan(comparison: Comparison, position: int, precision: float) -> PrecisionPlan:
    """Instances per type for ±``precision`` of every ratio of a column, from the spread that was observed.

    Args:
        comparison: with at least one column.
        position: of the column.
        precision: half an interval, as a fraction.
    """
    rows = [row for row in comparison.rows if row.cells[position].estimate is not None]
    figures = [[one.value for one in row.cells[position].members] for row in rows]
    spread = spread_of(figures)
    wanted = needed(precision, spread, comparison.confidence)
    return PrecisionPlan(wanted, spread, tuple(_need(row, position, wanted.n) for row in rows))


def _need(row: TypeRow, position: int, wanted: int | None) -> TypeNeed:
    have = len(row.cells[position].members)
    more = None if wanted is None else max(0, wanted - have)
    price = usd_each(row)
    return TypeNeed(row.name, have, more, None if more is None or price is None else price * more)


def total_usd(settled: Iterable[Settlement]) -> Decimal | None:
    """What all of them cost; None if the price of one is not known."""
    known = [one.usd for one in settled if one.more]
    prices = [price for price in known if price is not None]
    return sum(prices, Decimal(0)) if prices and len(prices) == len(known) else None
