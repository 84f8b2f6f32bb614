"""A comparison in words: cells, verdicts, and the one sentence that can be quoted."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from benchtui.core.comparison import Against, Cell, Column, Comparison, TypeRow
from benchtui.core.text import clean_line

UNKNOWN = "–"
BASELINE = "baseline"
NOT_RANKED = "not ranked"


def number(value: float) -> str:
    """Four significant digits."""
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        return f"{value:.3e}"
    return f"{value:.0f}" if size >= 1000 else f"{value:#.4g}"


def usd_per_hour(price: Decimal | None) -> str:
    """A price an hour, to the hundredth of a cent as AWS gives them; unknown for this machine."""
    return UNKNOWN if price is None else str(price.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP))


def value_text(cell: Cell) -> str:
    """``46.10``."""
    return UNKNOWN if cell.estimate is None else number(cell.estimate.value)


def interval_text(cell: Cell) -> str:
    """``45.70…46.50``; unknown for a single instance."""
    if cell.estimate is None or cell.estimate.interval is None:
        return UNKNOWN
    return f"{number(cell.estimate.interval.low)}…{number(cell.estimate.interval.high)}"


def verdict_word(comparison: Comparison, row: TypeRow, position: int) -> str:
    """better, worse, equivalent, inconclusive, baseline, not ranked; unknown where nothing was measured."""
    cell = row.cells[position]
    if cell.estimate is None:
        return UNKNOWN
    if not cell.ranked:
        return NOT_RANKED
    if row.name == comparison.baseline:
        return BASELINE
    return cell.against.verdict.value if cell.against else "no verdict"


def verdict_text(comparison: Comparison, row: TypeRow, position: int) -> str:
    """The verdict with its ratio: ``better 2.12×``."""
    against, word = row.cells[position].against, verdict_word(comparison, row, position)
    return word if against is None else f"{word} {against.ratio:.3g}×"


def why(cell: Cell) -> str:
    """Why a cell has no value, no rank or no verdict; empty if it has all of them."""
    return clean_line(cell.missing or cell.not_ranked or cell.no_verdict or "", 300)


def remarks(comparison: Comparison, position: int) -> tuple[str, ...]:
    """What a reader of one column has to know besides: outliers, instances that do not count, notes."""
    said: list[str] = []
    for row in comparison.rows:
        cell = row.cells[position]
        if cell.outliers:
            said.append(f"{row.name}: outlying, and counted all the same: {', '.join(cell.outliers)}")
        if cell.unverified:
            said.append(f"{row.name}: {cell.unverified} not verified, left out")
        said += [f"{row.name}: not counted: {one}" for one in cell.doubted]
    machines = dict.fromkeys(
        one.cpu_model or "CPU unknown" for row in comparison.rows for one in row.results if one.local
    )
    if machines:
        said.append(f"local types are this machine ({', '.join(machines)}), not instances of EC2")
    said += [difference.sentence for difference in comparison.differences]
    key = str(comparison.columns[position].key) if comparison.columns else ""
    said += [note for note in comparison.notes if note.startswith(f"{key}: ")]
    return tuple(clean_line(one, 300) for one in said)


def sentence(comparison: Comparison, name: str, position: int) -> str:
    """One type's figure as a sentence that can stand alone: n, interval, price with basis and date, runs.

    Args:
        name: the type; against the baseline if it is another one and both are ranked.
        position: of the column.
    """
    row = comparison.row(name)
    if row is None or not comparison.columns:
        return ""
    column, cell = comparison.columns[position], row.cells[position]
    if cell.estimate is None:
        return clean_line(f"{name} has no {_metric(column)} {comparison.basis.words}: {cell.missing}.", 600)
    base = comparison.base_of(row)
    if cell.against is None or base is None:
        return clean_line(f"{_alone(comparison, row, column, cell)} {_origin(comparison, [row])}", 600)
    other = base.cells[position]
    whose = f"in {comparison.baseline_words}" if comparison.earlier else f"of {base.name}"
    says = (
        f"{name} has {cell.against.ratio:.3g} times the {_metric(column)} {whose} "
        f"{comparison.basis.words}: "
        f"{cell.against.verdict} ({_ratio_interval(cell.against)}, n = {cell.n} and {other.n} instances; "
        f"{value_text(cell)} against {value_text(other)} {column.unit}, {_direction(column)}, "
        f"differences below {comparison.floor * 100:g} % do not count)."
    )
    return clean_line(f"{says} {_origin(comparison, [row] if comparison.earlier else [row, base])}", 900)


def confidence_text(confidence: float) -> str:
    """``95 %``, ``98.33 %``; more digits only where it is near one."""
    return f"{confidence * 100:.{2 if confidence < 0.999 else 4}f}".rstrip("0").rstrip(".") + " %"


def _ratio_interval(against: Against) -> str:
    """The interval with its confidence, and why that is not the usual one."""
    text = (
        f"{confidence_text(against.confidence)} interval {against.interval.low:.3g} to "
        f"{against.interval.high:.3g}"
    )
    family = against.family
    if family is None or family.size < 2:
        return text
    return f"{text}, {family.correction.words} over {family.size} comparisons"


def _alone(comparison: Comparison, row: TypeRow, column: Column, cell: Cell) -> str:
    interval = cell.estimate.interval if cell.estimate else None
    bounds = (
        f", {_percent(comparison)} interval {number(interval.low)} to {number(interval.high)}"
        if interval
        else ""
    )
    says = f"{row.name}: {_metric(column)} {value_text(cell)} {column.unit}"
    says += f" (n = {cell.n} {'instance' if cell.n == 1 else 'instances'}{bounds}, {_direction(column)})"
    return f"{says}; not ranked: {cell.not_ranked}." if cell.not_ranked else f"{says}."


def _metric(column: Column) -> str:
    return f"{column.key.suite} {column.key.name}"


def _direction(column: Column) -> str:
    return "higher is better" if column.higher_is_better else "lower is better"


def _percent(comparison: Comparison) -> str:
    return f"{comparison.confidence * 100:g} %"


def _origin(comparison: Comparison, rows: Iterable[TypeRow]) -> str:
    """Prices with basis and date, and the runs the figures are from."""
    rows = list(rows)
    runs = sorted({one.run for row in rows for one in row.results})
    listed = runs[0] if len(runs) == 1 else f"{len(runs)} runs, {runs[0]} to {runs[-1]}"
    return f"{' '.join(f'{_price(row)}.' for row in rows)} {'Run' if len(runs) == 1 else 'From'} {listed}."


def _price(row: TypeRow) -> str:
    price = row.usd_per_hour
    if price is None:
        cpu = next((one.cpu_model for one in row.results if one.cpu_model), "CPU unknown")
        return f"{row.name} is this machine ({cpu}), not rented" if row.local else f"{row.name} has no price"
    prices = [one.price for one in row.results if one.price is not None]
    bases = sorted({one.basis for one in prices})
    regions = sorted({one.region for one in prices})
    day = max(one.as_of for one in prices)
    return (
        f"{row.name} on demand ${usd_per_hour(price)}/h in {', '.join(regions)} "
        f"({', '.join(bases)}, {day:%Y-%m-%d})"
    )
