"""A comparison as a table, a chart and a sentence."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from benchtui.cli import output
from benchtui.cli.tables import BAD, FAINT, GOOD, WARN, Glyphs, add, new_table
from benchtui.core import quoting
from benchtui.core.comparison import Comparison, TypeRow
from benchtui.core.decision import decide
from benchtui.core.overall import overall
from benchtui.core.settling import precision_plan, settlements
from benchtui.core.stats import Verdict
from benchtui.report import decision_text, settling_text
from benchtui.report.chart_specs import BarChart, Chart, EmptyChart
from benchtui.report.charts import render_terminal

#: Where the terminal's width is not known, and the most a chart takes of it.
WIDTH, WIDEST = 100, 120
PLOT_LINES = 20
GAP = 2  # cells between columns
_STYLES = {Verdict.BETTER: GOOD, Verdict.WORSE: BAD, Verdict.INCONCLUSIVE: WARN}


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    cells: list[Text]
    drop: int = 0  # columns with the highest number make room first; 0 never
    right: bool = True

    @property
    def width(self) -> int:
        return max(cell_len(self.heading), *(cell.cell_len for cell in self.cells))


def comparison_table(comparison: Comparison, *, unicode: bool) -> RenderableType:
    """Types as rows: the first metric with its verdict, then what else fits; reasons below."""
    kept = _columns(comparison, Glyphs(unicode))
    room = width_here() if output.is_terminal() else None
    while room is not None and sum(column.width + GAP for column in kept) > room:
        droppable = [column for column in kept if column.drop]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda column: column.drop))
    table = new_table(*(column.heading for column in kept), right=[one.heading for one in kept if one.right])
    for made in table.columns:
        made.no_wrap, made.overflow = True, "ellipsis"
    for cells in zip(*(column.cells for column in kept), strict=True):
        add(table, *cells)
    reasons = [
        Text(f"{row.name}: {_reason(comparison, row)}", style=FAINT)
        for row in comparison.in_order(0)
        if quoting.why(row.cells[0])
    ]
    return Group(table, *([Text()] if reasons else []), *reasons)


def _columns(comparison: Comparison, glyphs: Glyphs) -> list[_Column]:
    rows = comparison.in_order(0)
    first, *others = comparison.columns

    def plain(texts: Iterable[str]) -> list[Text]:
        return [Text(_plain(text, glyphs)) for text in texts]

    return [
        _Column("type", [Text(row.name) for row in rows], right=False),
        _Column("n", [Text(str(row.cells[0].n)) for row in rows]),
        _Column("USD/h", plain(quoting.usd_per_hour(row.usd_per_hour) for row in rows), drop=1),
        _Column(f"{first.key.name} {first.unit}", plain(quoting.value_text(row.cells[0]) for row in rows)),
        _Column(
            f"{comparison.confidence * 100:g} % interval",
            plain(quoting.interval_text(row.cells[0]) for row in rows),
            drop=2,
        ),
        _Column("verdict", [_verdict(comparison, row, glyphs) for row in rows], right=False),
        *(
            _Column(
                f"{other.key.name} {other.unit}",
                plain(quoting.value_text(row.cells[at]) for row in rows),
                drop=2 + at,
            )
            for at, other in enumerate(others, 1)
        ),
    ]


def _reason(comparison: Comparison, row: TypeRow) -> str:
    """``not ranked: 2 instances, 3 needed``; of a type without a figure the reason alone."""
    word, why = quoting.verdict_word(comparison, row, 0), quoting.why(row.cells[0])
    return why if word == quoting.UNKNOWN else f"{word}: {why}"


def _plain(text: str, glyphs: Glyphs) -> str:
    if text == quoting.UNKNOWN:
        return glyphs.unknown
    return text.replace("…", "..") if glyphs.times == "x" else text


def _verdict(comparison: Comparison, row: TypeRow, glyphs: Glyphs) -> Text:
    against = row.cells[0].against
    text = quoting.verdict_text(comparison, row, 0)
    if text == quoting.UNKNOWN:
        return Text(glyphs.unknown)
    style = _STYLES.get(against.verdict, "") if against else FAINT
    return Text(text.replace("×", glyphs.times), style=style if row.name != comparison.baseline else "bold")


def chart_lines(spec: Chart, *, unicode: bool) -> list[Text]:
    """The chart, as wide as the terminal, with an empty line before it."""
    lines = render_terminal(spec, min(width_here(), WIDEST), _lines(spec), ascii=not unicode)
    return [Text(), Text("\n").join(lines)]


def width_here() -> int:
    """Columns of the terminal stdout is; a fixed number for a file or pipe."""
    return shutil.get_terminal_size((WIDTH, 0)).columns if output.is_terminal() else WIDTH


def _lines(spec: Chart) -> int:
    """Bars take the lines they need, with one for each note; plots a fixed number."""
    if isinstance(spec, BarChart):
        return 3 + len(spec.bars) + sum(bool(bar.note) for bar in spec.bars)
    return 3 if isinstance(spec, EmptyChart) else PLOT_LINES


def quotation(comparison: Comparison) -> list[Text]:
    """The sentence of the type that tells most, with an empty line before it."""
    name = comparison.telling(0)
    return [Text(), Text(quoting.sentence(comparison, name, 0))] if name else []


def conclusions(comparison: Comparison, *, unicode: bool) -> list[Text]:
    """What holds over all metrics, and what more instances would settle."""
    lines = [
        *([line] if (line := settling_text.family_line(comparison)) is not None else []),
        *settling_text.overall_lines(overall(comparison)),
        *settling_text.sweep_lines(comparison),
        *(settling_text.settlement_line(one) for one in settlements(comparison, 0)),
    ]
    return _paragraph(lines, unicode=unicode)


def plans(comparison: Comparison, precision: float | None, *, unicode: bool) -> list[Text]:
    """Instances for a precision, if one was asked for."""
    if precision is None:
        return []
    return _paragraph(
        settling_text.precision_lines(precision_plan(comparison, 0, precision)), unicode=unicode
    )


def decision(comparison: Comparison, intensity: float | None, *, unicode: bool) -> list[Text]:
    """The decision view."""
    width = min(width_here(), WIDEST)
    return _paragraph(decision_text.decision_lines(decide(comparison, 0, intensity), width), unicode=unicode)


def _paragraph(lines: list[str], *, unicode: bool) -> list[Text]:
    """Lines that fit, with an empty one before them."""
    folded = decision_text.wrapped(lines, min(width_here(), WIDEST))
    plain = folded if unicode else [decision_text.in_ascii(line) for line in folded]
    return [Text(), *(Text(line) for line in plain)] if plain else []


def remark_lines(comparison: Comparison) -> list[str]:
    """What has to be known besides, for stderr."""
    return [f"note: {remark}" for remark in quoting.remarks(comparison, 0)]
