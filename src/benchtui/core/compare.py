"""Types side by side: values with intervals, verdicts against a baseline, and why something is not ranked.

One place decides what counts. Only results that are verified and plausible are ranked; fewer than three
instances are shown and never ranked; outliers are labelled and never dropped; what cannot be compared is
left out and said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from benchtui.core import stats
from benchtui.core.errors import UsageError
from benchtui.core.instance_results import (
    Basis,
    InstanceResult,
    MetricKey,
    MetricMedian,
    metric_keys,
    nearest,
    normalise,
    unit_per,
)
from benchtui.core.stats import CONFIDENCE, NOISE_FLOOR, RANKED_FROM, Contrast, Estimate, Interval, Verdict


@dataclass(frozen=True, slots=True)
class Member:
    """One instance's figure in a cell."""

    run: str
    job: str
    value: float
    verified: bool | None
    doubt: str | None = None  # why it is not plausible

    @property
    def counts(self) -> bool:
        """Whether it may stand for its type."""
        return self.verified is True and self.doubt is None


@dataclass(frozen=True, slots=True)
class Against:
    """A type against the baseline."""

    ratio: float
    interval: Interval
    verdict: Verdict
    contrast: Contrast


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one type."""

    estimate: Estimate | None = None  # of the instances that count, or of all if none does
    members: tuple[Member, ...] = ()  # those of the estimate
    missing: str | None = None  # why there is no estimate
    not_ranked: str | None = None  # why it is shown only; None: it is ranked
    against: Against | None = None
    no_verdict: str | None = None  # why a ranked cell has none
    outliers: tuple[str, ...] = ()  # jobs
    unverified: int = 0  # instances that do not count because others are verified
    doubted: tuple[str, ...] = ()  # jobs whose figure is not plausible, each with the reason
    unusable: int = 0  # instances with a figure that cannot be given in this way

    @property
    def n(self) -> int:
        """Instances that were measured, without those that do not count."""
        return len(self.members) or self.unusable

    @property
    def implausible(self) -> bool:
        """Whether all it stands on is not plausible."""
        return bool(self.members) and all(member.doubt is not None for member in self.members)

    @property
    def ranked(self) -> bool:
        """Whether it may be put in an order."""
        return self.estimate is not None and self.not_ranked is None


@dataclass(frozen=True, slots=True)
class Column:
    """A metric, and what makes its figures comparable."""

    key: MetricKey
    unit: str  # after normalisation
    higher_is_better: bool
    mode: str
    version: str | None


@dataclass(frozen=True, slots=True)
class TypeRow:
    """One instance type."""

    name: str
    results: tuple[InstanceResult, ...]
    cells: tuple[Cell, ...]  # one per column

    @property
    def usd_per_hour(self) -> Decimal | None:
        """Mean price of its instances; None for this machine, which nobody rents, or if one is not known."""
        prices = {(one.run, one.job): one.price for one in self.results}
        known = [price.usd_per_hour for price in prices.values() if price is not None]
        if self.local or not known or len(known) < len(prices):
            return None
        return sum(known, Decimal(0)) / len(known) or None

    @property
    def local(self) -> bool:
        """Whether this is the user's own machine."""
        return any(one.local for one in self.results)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Types as rows, metrics as columns."""

    basis: Basis
    columns: tuple[Column, ...]
    rows: tuple[TypeRow, ...]  # by name
    baseline: str | None
    notes: tuple[str, ...] = ()
    floor: float = NOISE_FLOOR
    confidence: float = CONFIDENCE

    def row(self, name: str) -> TypeRow | None:
        """The row of a type."""
        return next((row for row in self.rows if row.name == name), None)

    def position(self, key: MetricKey | None) -> int:
        """Position of a column; the first if it is not one of them."""
        return next((at for at, column in enumerate(self.columns) if column.key == key), 0)

    def telling(self, position: int) -> str | None:
        """The type a column tells most of: the best with a verdict, else the best, else the first."""
        order = self.in_order(position)
        judged = [row.name for row in order if self.columns and row.cells[position].against is not None]
        return next(iter(judged or [row.name for row in order]), None)

    def in_order(self, position: int) -> tuple[TypeRow, ...]:
        """Rows by one column: ranked ones best first, then by name what is only shown."""
        if not self.columns:
            return self.rows
        sign = -1 if self.columns[position].higher_is_better else 1

        def key(row: TypeRow) -> tuple[int, float, str]:
            cell = row.cells[position]
            if cell.estimate is None:
                return 2, 0.0, row.name
            return (0, sign * cell.estimate.value, row.name) if cell.ranked else (1, 0.0, row.name)

        return tuple(sorted(self.rows, key=key))


def compare(
    results: Sequence[InstanceResult],
    *,
    keys: Sequence[MetricKey] | None = None,
    basis: Basis = Basis.INSTANCE,
    baseline: str | None = None,
    floor: float = NOISE_FLOOR,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Compare types.

    Args:
        results: of one or several runs.
        keys: metrics to show, in this order; all if None.
        basis: per what.
        baseline: a type; None takes the first by name that is ranked in the first column.
        floor: noise floor as a fraction.
        confidence: of every interval.

    Raises:
        UsageError: the baseline is not among the types.
    """
    wanted = metric_keys(results) if keys is None else tuple(keys)
    names = sorted({result.instance_type for result in results})
    if baseline is not None and baseline not in names:
        raise UsageError(f"no result is of the type {baseline}", fix=nearest(baseline, names))
    columns: list[Column] = []
    cells: dict[str, list[Cell]] = {name: [] for name in names}
    notes: dict[str, None] = {}
    for key in wanted:
        column, of_type, left_out = _column(results, key, basis, names, confidence)
        columns.append(column)
        notes.update(dict.fromkeys(left_out))
        for name in names:
            cells[name].append(of_type[name])
    chosen = baseline if baseline is not None else _baseline(names, cells)
    if chosen is not None:
        base = cells[chosen]
        for name in names:
            if name != chosen:
                cells[name] = [
                    _against(cell, base[at], chosen, column, floor, confidence)
                    for at, (cell, column) in enumerate(zip(cells[name], columns, strict=True))
                ]
    rows = tuple(
        TypeRow(name, tuple(one for one in results if one.instance_type == name), tuple(cells[name]))
        for name in names
    )
    return Comparison(basis, tuple(columns), rows, chosen, tuple(notes), floor, confidence)


Recipe = tuple[str, str | None, str, bool]


def _recipe(result: InstanceResult, metric: MetricMedian) -> Recipe:
    """What two figures must share to be comparable."""
    return result.mode, result.version, metric.unit, metric.higher_is_better


def _column(
    results: Sequence[InstanceResult],
    key: MetricKey,
    basis: Basis,
    names: Iterable[str],
    confidence: float,
) -> tuple[Column, dict[str, Cell], list[str]]:
    """One metric of all types, and notes on what was left out of it."""
    having = [
        (result, result.metrics[key.name])
        for result in results
        if result.suite == key.suite and result.metrics and key.name in result.metrics
    ]
    # The recipe of most instances; of equals that of the newest run.
    counts = Counter(_recipe(*one) for one in having)
    newest = {_recipe(result, metric): result.planned_at for result, metric in sorted(having, key=_age)}
    recipe = max(counts, key=lambda one: (counts[one], newest[one]), default=("", None, "", True))
    mode, version, unit, higher = recipe
    used = [one for one in having if _recipe(*one) == recipe]
    column = Column(key, unit_per(unit, basis, higher_is_better=higher), higher, mode, version)
    cells = {
        name: _cell(
            [one for one in used if one[0].instance_type == name],
            [one for one in results if one.instance_type == name and one.suite == key.suite],
            basis,
            confidence,
        )
        for name in names
    }
    left = Counter(_difference(other, recipe) for other in counts.elements() if other != recipe)
    return column, cells, [f"{key}: {count} left out, {why}" for why, count in left.items()]


def _age(one: tuple[InstanceResult, MetricMedian]) -> float:
    return one[0].planned_at.timestamp()


def _difference(other: Recipe, recipe: Recipe) -> str:
    words = ("mode", "suite version", "unit", "direction")
    at = next(at for at in range(len(words)) if other[at] != recipe[at])
    return f"{words[at]} {other[at]} is not {recipe[at]}"


def _cell(
    having: Sequence[tuple[InstanceResult, MetricMedian]],
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


def _baseline(names: Sequence[str], cells: dict[str, list[Cell]]) -> str | None:
    """The first type that is ranked in the first column, else the first that has a value."""
    first = {name: cells[name][0] for name in names if cells[name]}
    ranked = [name for name, cell in first.items() if cell.ranked]
    shown = [name for name, cell in first.items() if cell.estimate is not None]
    return next(iter(ranked or shown), None)


def _against(cell: Cell, base: Cell, name: str, column: Column, floor: float, confidence: float) -> Cell:
    """The cell with its verdict. A baseline that is not ranked gives none."""
    if not cell.ranked:
        return cell
    if not base.ranked:
        return replace(
            cell, no_verdict=f"the baseline {name} is not ranked: {base.not_ranked or base.missing}"
        )
    contrast = stats.contrast([one.value for one in cell.members], [one.value for one in base.members])
    interval = contrast.interval(confidence)
    word = stats.verdict(interval, higher_is_better=column.higher_is_better, floor=floor)
    return replace(cell, against=Against(contrast.ratio, interval, word, contrast))
