"""The decision view as lines of text, the same for the command and the pane."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from benchtui.core import quoting
from benchtui.core.decision import BreakEven, Choice, Decision, WorkPrice
from benchtui.core.roofline import Prediction, Roofline
from benchtui.core.text import clean_line

GAP = "  "
LONGEST_NAME = 20
#: Columns that a narrow table can do without, the first first.
DROPPED = ("per core", "value", "USD/h")


def decision_lines(decision: Decision | None, width: int | None = None) -> list[str]:
    """What to rent for work like this metric: front, cost of work, break-even prices, prediction.

    Args:
        decision: None if there is none.
        width: that the table should have at most; the other lines can be folded.
    """
    if decision is None:
        return ["decision: there is nothing to decide between yet"]
    lines = [_title(decision), *_table(decision, width)]
    lines += _notes(decision)
    flips = [one for choice in decision.choices if choice.break_even for one in _break_even(choice)]
    if flips:
        lines += [f"break-even with {decision.baseline}, per unit of work:", *flips]
    if decision.roofline is not None:
        lines += roofline_lines(decision.roofline)
    return lines


def _title(decision: Decision) -> str:
    column = decision.column
    better = "higher" if column.higher_is_better else "lower"
    title = f"decision by {column.key.suite} {column.key.name} {column.unit}, {better} is better"
    return clean_line(f"{title}; prices: {decision.prices}" if decision.prices else title, 200)


def _table(decision: Decision, width: int | None) -> list[str]:
    """Columns as wide as they need, text left and figures right; those that matter least make room."""
    choices = decision.choices
    columns = {
        "type": [clean_line(choice.name, LONGEST_NAME) for choice in choices],
        "USD/h": [quoting.usd_per_hour(choice.usd_per_hour) for choice in choices],
        "value": [quoting.value_text(choice.cell) for choice in choices],
        "per core": [quoting.value_text(choice.per_core) for choice in choices],
    }
    if decision.no_work is None and decision.no_prices is None:
        columns[f"USD per {_work_words(decision)}"] = [
            quoting.UNKNOWN if choice.work is None else money(choice.work.usd) for choice in choices
        ]
    columns["frontier"] = [_front(choice) for choice in choices]
    widths = {head: max(map(len, (head, *texts))) for head, texts in columns.items()}
    for head in DROPPED:
        if width is not None and sum(widths[one] + len(GAP) for one in columns) > width:
            del columns[head]
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    return [
        "".join(
            GAP + _placed(head, text, widths[head]) for head, text in zip(columns, row, strict=True)
        ).rstrip()
        for row in rows
    ]


def _placed(head: str, text: str, width: int) -> str:
    return text.ljust(width) if head in ("type", "frontier") else text.rjust(width)


def _work_words(decision: Decision) -> str:
    found = (choice.work.words for choice in decision.choices if choice.work is not None)
    return next(found, "unit of work")


def _front(choice: Choice) -> str:
    if choice.on_front:
        return "yes"
    if choice.beaten_by is not None:
        return f"no: {choice.beaten_by}" if choice.surely else f"no: {choice.beaten_by}, not surely"
    if not choice.cell.ranked:
        return "not ranked" if choice.cell.estimate is not None else quoting.UNKNOWN
    return quoting.UNKNOWN


def _notes(decision: Decision) -> list[str]:
    said = []
    if decision.no_prices is not None:
        said.append(decision.no_prices)
    elif decision.no_work is not None:
        said.append(f"no cost of work: {decision.no_work}")
    return [clean_line(f"note: {one}", 200) for one in said]


def _break_even(choice: Choice) -> list[str]:
    flip = choice.break_even
    assert flip is not None
    assert choice.usd_per_hour is not None
    lines = [f"  {choice.name}: {_turn(choice, flip)}"]
    price = f"at {money(flip.usd_per_hour)} USD/h ({money(flip.low)} to {money(flip.high)}"
    lines.append(f"    {price}, {quoting.confidence_text(flip.confidence)} interval)")
    return lines


def _turn(choice: Choice, flip: BreakEven) -> str:
    """``wins if its spot discount > 41 % (38 to 44 %)``."""
    bounds = f"{_percent(flip.discount_low)} to {_percent(flip.discount_high)} %"
    needed = f"> {_percent(flip.discount)} % ({bounds})"
    if flip.cheaper is None:
        return f"cannot be told from {flip.base} at these prices; turns at a discount of {bounds}"
    if flip.cheaper == choice.name:
        return f"wins as priced; {flip.base} wins if its discount {needed}"
    return f"wins if its {'spot discount' if choice.on_demand else 'discount'} {needed}"


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.0f}" if abs(fraction) >= 0.1 else f"{fraction * 100:.1f}"


def roofline_lines(found: Roofline) -> list[str]:
    """Predictions, each marked as such."""
    lines = [f"predicted for {found.intensity:g} flop/byte: min(peak, {found.intensity:g} x bandwidth)"]
    lines += [f"  {_predicted(one, found.confidence)}" for one in found.predictions]
    lines.append(clean_line(f"  from {found.peak} and {found.bandwidth}; a bound, not a measurement", 160))
    return lines


def _predicted(one: Prediction, confidence: float) -> str:
    if one.gflops is None:
        return clean_line(f"{one.name}: nothing predicted, {one.reason}", 160)
    said = f"{one.name}: predicted {quoting.number(one.gflops)} GFLOP/s"
    if one.interval is not None:
        said += f" ({quoting.number(one.interval.low)} to {quoting.number(one.interval.high)})"
    said += f", bound by {one.bound}"
    if one.usd is not None:
        said += f", {money(one.usd)} USD per 10^15 flop"
    if one.caution is not None:
        said += f"; {one.caution}"
    return clean_line(said, 200)


def money(usd: Decimal) -> str:
    """Four significant digits and no exponent: a price of work may be a fraction of a cent."""
    return format(Decimal(f"{usd:.4g}"), "f")


def work_text(work: WorkPrice | None) -> str:
    """``0.000437 (0.000430 to 0.000444) USD per TB moved``."""
    if work is None:
        return quoting.UNKNOWN
    bounds = "" if work.low is None or work.high is None else f" ({money(work.low)} to {money(work.high)})"
    return f"{money(work.usd)}{bounds} USD per {work.words}"


def in_ascii(line: str) -> str:
    """A line for terminals that know nothing else."""
    for sign, plain in (("±", "+-"), (quoting.UNKNOWN, "-"), ("…", ".."), ("×", "x")):
        line = line.replace(sign, plain)
    return line


def wrapped(lines: Sequence[str], width: int) -> list[str]:
    """Lines folded at blanks, what is folded standing in by four more."""
    folded: list[str] = []
    for line in lines:
        rest, indent = line, " " * (len(line) - len(line.lstrip()) + 4)
        while len(rest) > width and (cut := rest.rfind(" ", len(indent) + 1, width + 1)) > 0:
            folded.append(rest[:cut])
            rest = indent + rest[cut + 1 :].lstrip()
        folded.append(rest)
    return folded
