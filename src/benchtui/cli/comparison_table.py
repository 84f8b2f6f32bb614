"""A comparison as a table, a chart and a sentence."""

from __future__ import annotations

import shutil

from rich.console import RenderableType
from rich.text import Text

from benchtui.cli import output
from benchtui.cli.tables import BAD, FAINT, GOOD, WARN, Glyphs, add, new_table
from benchtui.core import quoting
from benchtui.core.compare import Comparison, TypeRow
from benchtui.core.stats import Verdict
from benchtui.report.chart_specs import BarChart, Chart, EmptyChart
from benchtui.report.charts import render_terminal

#: Where the terminal's width is not known, and the most a chart takes of it.
WIDTH, WIDEST = 100, 120
PLOT_LINES = 20
_STYLES = {Verdict.BETTER: GOOD, Verdict.WORSE: BAD, Verdict.INCONCLUSIVE: WARN}


def comparison_table(comparison: Comparison, *, unicode: bool) -> RenderableType:
    """Types as rows: the first metric with interval and verdict, the others as values."""
    glyphs = Glyphs(unicode)
    column = comparison.columns[0]
    value = f"{column.key.name} {column.unit}"
    interval = f"{comparison.confidence * 100:g} % interval"
    others = [f"{other.key.name} {other.unit}" for other in comparison.columns[1:]]
    reasons = any(quoting.why(row.cells[0]) for row in comparison.rows)
    headings = ["type", "n", "USD/h", value, interval, "verdict", *others, *(("why",) if reasons else ())]
    table = new_table(*headings, right=("n", "USD/h", value, interval, *others))
    for row in comparison.in_order(0):
        cell = row.cells[0]
        add(
            table,
            row.name,
            cell.n,
            _plain(quoting.usd_per_hour(row.usd_per_hour), glyphs),
            _plain(quoting.value_text(cell), glyphs),
            _plain(quoting.interval_text(cell), glyphs),
            _verdict(comparison, row, glyphs),
            *(_plain(quoting.value_text(other), glyphs) for other in row.cells[1:]),
            *((Text(quoting.why(cell), style=FAINT),) if reasons else ()),
        )
    return table


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
    width = shutil.get_terminal_size((WIDTH, 0)).columns if output.is_terminal() else WIDTH
    lines = render_terminal(spec, min(width, WIDEST), _lines(spec), ascii=not unicode)
    return [Text(), Text("\n").join(lines)]


def _lines(spec: Chart) -> int:
    """Bars take the lines they need, with one for each note; plots a fixed number."""
    if isinstance(spec, BarChart):
        return 3 + len(spec.bars) + sum(bool(bar.note) for bar in spec.bars)
    return 3 if isinstance(spec, EmptyChart) else PLOT_LINES


def quotation(comparison: Comparison) -> list[Text]:
    """The sentence of the type that tells most, with an empty line before it."""
    name = comparison.telling(0)
    return [Text(), Text(quoting.sentence(comparison, name, 0))] if name else []


def remark_lines(comparison: Comparison) -> list[str]:
    """What has to be known besides, for stderr."""
    return [f"note: {remark}" for remark in quoting.remarks(comparison, 0)]
