"""Which type to rent for a kind of work: frontier, price at which the order turns, cost per unit of work.

Everything follows from one metric per instance and the prices recorded when its runs were planned. A figure
that does not grow with the instance, such as a latency, has a frontier and no cost of work; the user's own
machine is not rented, so nothing here has a price for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from benchtui.core import stats
from benchtui.core.compare import compare
from benchtui.core.comparison import Cell, Column, Comparison, TypeRow
from benchtui.core.instance_results import Basis, InstanceResult, MetricKey
from benchtui.core.roofline import Roofline, roofline
from benchtui.core.stats import Interval, Verdict

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Work:
    """A unit of work that a rate or a time is a price of."""

    words: str
    per_hour: Decimal  # units done in an hour at a figure of 1; of a time, its inverse counts


#: By unit of the metric: an hour at 1 GFLOP/s is 3.6e12 operations, at 1 GB/s 3.6e12 bytes.
RATES: Mapping[str, Work] = {
    "GFLOP/s": Work("10^15 flop", Decimal(10**9 * SECONDS_PER_HOUR) / 10**15),
    "GB/s": Work("TB moved", Decimal(10**9 * SECONDS_PER_HOUR) / 10**12),
}
TIMES: Mapping[str, Decimal] = {
    "s": Decimal(SECONDS_PER_HOUR),
    "ms": Decimal(SECONDS_PER_HOUR * 10**3),
    "us": Decimal(SECONDS_PER_HOUR * 10**6),
}


@dataclass(frozen=True, slots=True)
class WorkPrice:
    """USD for one unit of work, with the bounds that the figure's interval gives."""

    words: str
    usd: Decimal
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The price an hour at which a type costs as much per unit of work as the baseline.

    ``discount`` is what the dearer of the two (per unit of work) has to take off its price for the order to
    turn, as a fraction; its bounds are those of the ratio's interval.
    """

    base: str
    usd_per_hour: Decimal
    low: Decimal
    high: Decimal
    cheaper: str | None  # per unit of work at the recorded prices; None: the interval spans the price
    dearer: str  # by the ratio itself
    discount: float
    discount_low: float
    discount_high: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Choice:
    """One type as something to rent."""

    name: str
    usd_per_hour: Decimal | None
    cell: Cell  # per instance
    per_core: Cell  # per physical core
    work: WorkPrice | None
    on_front: bool
    beaten_by: str | None  # a type of the frontier that costs no more and does at least as much
    surely: bool  # whether its figure is better beyond noise floor and chance
    break_even: BreakEven | None
    on_demand: bool = True  # whether its price is that of the on-demand market


@dataclass(frozen=True, slots=True)
class Decision:
    """The types of a comparison as things to rent, cheapest per unit of work first."""

    column: Column  # per instance
    core_unit: str
    baseline: str | None
    choices: tuple[Choice, ...]
    no_work: str | None  # why there is no cost of work for this metric; None: there is
    no_prices: str | None  # why there are no prices at all; None: there are
    confidence: float
    prices: str | None = None  # where they are from and how old they are; None: there are none
    roofline: Roofline | None = None  # for an arithmetic intensity, if one was asked for


def decide(comparison: Comparison, position: int = 0, intensity: float | None = None) -> Decision | None:
    """The decision view of one column of a comparison; None if there is no column.

    Args:
        comparison: of types; whatever it is normalised by, this is per instance.
        position: of the column.
        intensity: flop per byte to predict a speed for.
    """
    if not comparison.columns:
        return None
    key, results = comparison.columns[position].key, comparison.results
    whole = _by(comparison, results, key, Basis.INSTANCE)
    cores = _by(comparison, results, key, Basis.CORE)
    column = whole.columns[0]
    no_work = _no_work(results, column)
    front = frontier(whole, 0)
    choices = [
        _choice(whole, row, core.cells[0], front, None if no_work else column)
        for row, core in zip(whole.rows, cores.rows, strict=True)
    ]
    return Decision(
        column,
        cores.columns[0].unit,
        whole.baseline,
        tuple(sorted(choices, key=_order)),
        no_work,
        _no_prices(whole),
        comparison.confidence,
        _price_basis(whole),
        None if intensity is None else roofline(results, intensity, comparison.confidence),
    )


def _by(
    comparison: Comparison, results: Sequence[InstanceResult], key: MetricKey, basis: Basis
) -> Comparison:
    return compare(
        results,
        keys=[key],
        basis=basis,
        baseline=comparison.baseline,
        floor=comparison.floor,
        confidence=comparison.confidence,
    )


def _no_work(results: Sequence[InstanceResult], column: Column) -> str | None:
    """Why the figures of a column are no amount of work an instance does."""
    kinds = {
        one.metrics[column.key.name].normalises
        for one in results
        if one.suite == column.key.suite and one.metrics and column.key.name in one.metrics
    }
    if kinds != {"instance"}:
        return (
            "one thread's figure, not the work of an instance"
            if "thread" in kinds
            else "not an amount of work"
        )
    if _work(column) is None:
        return f"{column.unit} is not a unit of work per time"
    return None


def _work(column: Column) -> Work | None:
    if column.higher_is_better:
        return RATES.get(column.unit)
    if column.unit not in TIMES:
        return None
    return Work("compile" if column.key.suite == "compilation" else "run", TIMES[column.unit])


def _no_prices(comparison: Comparison) -> str | None:
    if any(row.usd_per_hour is not None for row in comparison.rows):
        return None
    if any(row.local for row in comparison.rows):
        return "this machine is not rented: it has no price, and so no price figures"
    return "no price is known"


def _price_basis(comparison: Comparison) -> str | None:
    """``pricing-api, us-west-2, 2026-11-24``."""
    priced = [row for row in comparison.rows if row.usd_per_hour is not None]
    known = [one.price for row in priced for one in row.results if one.price is not None]
    if not known:
        return None
    bases, regions = sorted({one.basis for one in known}), sorted({one.region for one in known})
    days = sorted({f"{one.as_of:%Y-%m-%d}" for one in known})
    return ", ".join([*bases, *regions, days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"])


def frontier(comparison: Comparison, position: int) -> tuple[TypeRow, ...]:
    """Ranked types with a price that no other beats, cheapest first.

    None is at most as dear and at least as good, and one of both more so. It compares figures, not intervals.
    """
    sign = 1.0 if comparison.columns[position].higher_is_better else -1.0
    priced = [row for row in comparison.rows if row.cells[position].ranked and row.usd_per_hour is not None]
    found: list[TypeRow] = []
    best, last = float("-inf"), (Decimal(-1), 0.0)
    for row in sorted(priced, key=lambda one: (_usd(one), -sign * _value(one.cells[position]))):
        value = sign * _value(row.cells[position])
        if value > best or (_usd(row), value) == last:
            found.append(row)
            best, last = value, (_usd(row), value)
    return tuple(found)


def _usd(row: TypeRow) -> Decimal:
    assert row.usd_per_hour is not None
    return row.usd_per_hour


def _value(cell: Cell) -> float:
    assert cell.estimate is not None
    return cell.estimate.value


def _choice(
    comparison: Comparison, row: TypeRow, per_core: Cell, front: Sequence[TypeRow], work: Column | None
) -> Choice:
    cell = row.cells[0]
    on_front = any(one.name == row.name for one in front)
    beaten = None
    if cell.ranked and row.usd_per_hour is not None and not on_front:
        beaten = _beater(comparison, row, front)
    return Choice(
        row.name,
        row.usd_per_hour,
        cell,
        per_core,
        None if work is None else work_price(row.usd_per_hour, cell, work),
        on_front,
        None if beaten is None else beaten.name,
        beaten is not None and _surely(comparison, beaten, row),
        None if work is None else break_even(comparison, row),
        all(one.market == "on_demand" for one in row.results),
    )


def _beater(comparison: Comparison, row: TypeRow, front: Sequence[TypeRow]) -> TypeRow | None:
    """Of the frontier the best that costs no more; there is one for every type that is not on it."""
    cheaper = [one for one in front if _usd(one) <= _usd(row)]
    return cheaper[-1] if cheaper else None


def _surely(comparison: Comparison, better: TypeRow, worse: TypeRow) -> bool:
    """Whether one figure is better than another beyond the noise floor, with room for so many questions."""
    ours, theirs = ([one.value for one in row.cells[0].members] for row in (better, worse))
    error = (1 - comparison.confidence) / max(1, len(comparison.rows) - 1)
    interval = stats.contrast(ours, theirs).interval(1 - error)
    higher = comparison.columns[0].higher_is_better
    return stats.verdict(interval, higher_is_better=higher, floor=comparison.floor) is Verdict.BETTER


def work_price(price: Decimal | None, cell: Cell, column: Column) -> WorkPrice | None:
    """USD per unit of work of a figure; None without a price or a figure.

    price / (figure × units an hour) where higher is better, price × figure / (… an hour) of a time.
    """
    work = _work(column)
    if price is None or cell.estimate is None or work is None:
        return None

    def of(value: float) -> Decimal:
        figure = Decimal(repr(value))
        return price / (figure * work.per_hour) if column.higher_is_better else price * figure / work.per_hour

    bounds = cell.estimate.interval
    ends = sorted(of(value) for value in (bounds.low, bounds.high)) if bounds is not None else [None, None]
    return WorkPrice(work.words, of(cell.estimate.value), ends[0], ends[1])


def break_even(comparison: Comparison, row: TypeRow) -> BreakEven | None:
    """The price at which a type costs as much per unit of work as the baseline; None if either is unknown.

    With the ratio r of the work they do in an hour, that is r × the baseline's price.
    """
    base, cell = comparison.base_of(row), row.cells[0]
    if base is None or cell.against is None or row.usd_per_hour is None or base.usd_per_hour is None:
        return None
    r, bounds = cell.against.ratio, cell.against.interval
    if not comparison.columns[0].higher_is_better:
        r, bounds = 1 / r, Interval(1 / bounds.high, 1 / bounds.low)
    price, theirs = row.usd_per_hour, base.usd_per_hour
    middle, low, high = (theirs * Decimal(repr(value)) for value in (r, bounds.low, bounds.high))
    dearer = row.name if price > middle else base.name
    best, worst = (high, low) if price > middle else (low, high)

    def needed(turn: Decimal) -> float:
        return float(1 - (turn / price if price > middle else price / turn))

    return BreakEven(
        base=base.name,
        usd_per_hour=middle,
        low=low,
        high=high,
        cheaper=row.name if price < low else base.name if price > high else None,
        dearer=dearer,
        discount=needed(middle),
        discount_low=needed(best),
        discount_high=needed(worst),
        confidence=cell.against.confidence,
    )


def _order(choice: Choice) -> tuple[int, Decimal, str]:
    """Ranked before shown; cheapest work first, else the cheapest hour."""
    figure = choice.work.usd if choice.work is not None else choice.usd_per_hour
    return (0 if choice.cell.ranked else 1), Decimal("Infinity") if figure is None else figure, choice.name
