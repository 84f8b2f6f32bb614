"""Speed and price of one metric: what a unit of work costs, who is on the frontier, where the order turns."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.core import quoting
from benchtui.core.decision import BreakEven, Choice, Decision, decide
from benchtui.report.blocks import Datum, Heading, Table, Tone
from benchtui.report.decision_text import money
from benchtui.report.subject import Subject, full_name, unit_words


def decision_of(subject: Subject, position: int) -> Decision | None:
    """The decision view of a column; None where there is nothing to decide by price."""
    found = decide(subject.comparison, position)
    return None if found is None or found.no_prices is not None or len(found.choices) < 2 else found


def price_table(decision: Decision) -> Table:
    """Types with price, figure, price of work and place on the frontier; cheapest work first."""
    column = decision.column
    work = next((choice.work.words for choice in decision.choices if choice.work is not None), None)
    headings = [
        Heading("Type"),
        Heading("USD/h", numeric=True),
        Heading(unit_words(column.unit), numeric=True),
        *([Heading(f"USD per {work}", numeric=True)] if work else []),
        Heading("Frontier", words=True),
    ]
    rows = []
    for choice in decision.choices:
        price = choice.usd_per_hour
        cells = [
            Datum(choice.name, choice.name),
            Datum(quoting.usd_per_hour(price), None if price is None else float(price)),
            Datum(
                quoting.value_text(choice.cell), choice.cell.estimate.value if choice.cell.estimate else None
            ),
        ]
        if work:
            cost = choice.work
            cells.append(Datum(quoting.UNKNOWN if cost is None else money(cost.usd), _sort(choice)))
        cells.append(_frontier(choice))
        rows.append(tuple(cells))
    return Table(f"{full_name(column.key)} and price", tuple(headings), tuple(rows))


def _sort(choice: Choice) -> float | None:
    return None if choice.work is None else float(choice.work.usd)


def _frontier(choice: Choice) -> Datum:
    """Whether another type costs no more and does as much."""
    if choice.on_front:
        return Datum("yes", "a", Tone.BETTER, signed=True)
    if choice.beaten_by is not None:
        sure = "" if choice.surely else ", not surely"
        return Datum(f"no: {choice.beaten_by} costs no more and does as much{sure}", "b", Tone.WEAK)
    ranked = choice.cell.ranked or choice.cell.estimate is None
    return Datum(quoting.UNKNOWN if ranked else "not ranked", None, Tone.WEAK)


def break_even(decision: Decision) -> Iterator[str]:
    """For each type the price at which it costs as much per unit of work as the baseline."""
    for choice in decision.choices:
        if choice.break_even is not None and choice.usd_per_hour is not None:
            yield _turn(choice, choice.break_even)


def _turn(choice: Choice, flip: BreakEven) -> str:
    sure = quoting.confidence_text(flip.confidence)
    bounds = f"{_percent(flip.discount_low)} to {_percent(flip.discount_high)} %, {sure} interval"
    at = f"at ${money(flip.usd_per_hour)}/h a unit of work costs the same on both"
    if flip.cheaper is None:
        return f"{choice.name} and {flip.base} cannot be told apart by the price of work as priced; {at}."
    if flip.cheaper == choice.name:
        return (
            f"{choice.name} does the work for less than {flip.base}, which would win with a discount of more "
            f"than {_percent(flip.discount)} % ({bounds}); {at}."
        )
    return (
        f"{choice.name} wins over {flip.base} if its discount, for spot for example, is more than "
        f"{_percent(flip.discount)} % ({bounds}); {at}."
    )


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.0f}" if abs(fraction) >= 0.1 else f"{fraction * 100:.1f}"
