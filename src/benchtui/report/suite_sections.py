"""A section for each suite: charts of what tells most, with their tables, and every other metric folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchtui.core import quoting
from benchtui.core.compare import Cell, TypeRow
from benchtui.report import comparison as charts
from benchtui.report.axes import size
from benchtui.report.blocks import (
    Block,
    Bullets,
    Datum,
    Figure,
    Folded,
    Heading,
    Paragraph,
    Section,
    Table,
    Tone,
)
from benchtui.report.chart_specs import BarChart, Chart, EmptyChart, LineChart, ScatterChart
from benchtui.report.prices import break_even, decision_of, price_table
from benchtui.report.subject import (
    Subject,
    direction,
    full_name,
    identifier,
    origin,
    tone_of,
    unit_words,
)

#: Rows of the table of all metrics of a suite; what is more stands in the export.
MOST_ROWS = 1_000
BARS = (
    "Bar: geometric mean of the instances, each with the median of its repetitions. Line: 95 % interval. "
    "Dot: one instance. Hatched: shown, not ranked."
)
LINES = "Each line is a type; its points are geometric means of the instances."
POINTS = "Diamond: no other ranked type is as cheap and as good. Hollow: shown, not ranked."


def suite_sections(subject: Subject) -> tuple[Section, ...]:
    """In the order in which suites were planned."""
    return tuple(_section(subject, suite) for suite in subject.suites)


def _section(subject: Subject, suite: str) -> Section:
    positions = subject.positions(suite)
    asked = [at for at in positions if at in subject.asked] or list(positions[:1])
    blocks: list[Block] = []
    lead = asked[0]
    telling = subject.comparison.telling(lead)
    if telling is not None:
        blocks.append(Paragraph(quoting.sentence(subject.comparison, telling, lead), strong=True))
    for at in asked:
        blocks.append(_bars(subject, at))
    blocks += _more(subject, lead)
    rest = [at for at in positions if at not in asked]
    if rest:
        table = _all_metrics(subject, positions)
        summary = f"All {len(positions)} metrics of {suite}"
        blocks.append(Folded(summary, (table,)))
    return Section(f"suite-{identifier(suite)}", subject.title(suite), tuple(blocks))


def _bars(subject: Subject, position: int) -> Figure:
    column = subject.comparison.columns[position]
    heading = f"{full_name(column.key)}: {direction(column)}"
    spec = replace(charts.bars(subject.comparison, position), title=heading, unit=unit_words(column.unit))
    name = f"bars-{identifier(str(column.key))}-{position}"
    return Figure(
        name, spec, _bars_in_words(spec), BARS, origin(subject, (position,)), _figures(subject, position)
    )


def _bars_in_words(spec: BarChart) -> str:
    said = []
    for bar in spec.bars:
        if bar.value is None:
            said.append(f"{bar.label}: no figure, {bar.note or 'not measured'}")
            continue
        interval = "" if bar.low is None else f", interval {bar.low:.4g} to {bar.high:.4g}"
        note = f", {bar.note}" if bar.note else ""
        said.append(f"{bar.label}: {bar.text or f'{bar.value:.4g}'} {spec.unit}{interval}, n = {bar.n}{note}")
    return f"Bar chart, {len(spec.bars)} bars. {'; '.join(said)}."


def _figures(subject: Subject, position: int) -> Table:
    """The numbers of a bar chart."""
    comparison = subject.comparison
    column = comparison.columns[position]
    confidence = quoting.confidence_text(comparison.confidence)
    headings = (
        Heading("Type"),
        Heading("n", numeric=True),
        Heading(unit_words(column.unit), numeric=True),
        Heading(f"{confidence} interval", numeric=True),
        Heading("Verdict", words=True),
        Heading("Verified"),
    )
    rows = []
    for row in comparison.in_order(position):
        cell = row.cells[position]
        interval = cell.estimate.interval if cell.estimate else None
        rows.append(
            (
                Datum(row.name, row.name),
                Datum(str(cell.n), cell.n),
                Datum(quoting.value_text(cell), cell.estimate.value if cell.estimate else None),
                Datum(quoting.interval_text(cell), interval.low if interval else None),
                _judged(subject, row, position),
                _verified(cell),
            )
        )
    words = full_name(column.key)
    better = "higher is better" if column.higher_is_better else "lower is better"
    return Table(f"{words}: figures, {better}", headings, tuple(rows))


def _judged(subject: Subject, row: TypeRow, position: int) -> Datum:
    """The verdict with ratio and interval, or why there is none."""
    comparison = subject.comparison
    cell, text = row.cells[position], quoting.verdict_text(comparison, row, position)
    tone = tone_of(comparison, row, position)
    if cell.against is not None:
        interval = cell.against.interval
        sure = quoting.confidence_text(cell.against.confidence)
        text += f" ({interval.low:.3g} to {interval.high:.3g}, {sure})"
        return Datum(text, cell.against.ratio, tone, signed=True)
    if tone is Tone.PLAIN:
        return Datum("nothing to compare with", None)
    why = quoting.why(cell)
    ratio = 1.0 if tone is Tone.BASELINE else None
    if text == quoting.UNKNOWN:
        return Datum(why or text, ratio, tone, signed=True)
    return Datum(f"{text}: {why}" if why else text, ratio, tone, signed=True)


def _verified(cell: Cell) -> Datum:
    """How many instances of a figure passed every check, and how many were left out for one that did not."""
    if not cell.members:
        return Datum(quoting.UNKNOWN, None, Tone.WEAK)
    good = sum(member.counts for member in cell.members)
    text = f"{good} of {len(cell.members)}"
    left = cell.unverified + sum(1 for _ in cell.doubted if good)
    if left:
        text += f", {left} left out"
    return Datum(text, float(good), Tone.PLAIN if good == len(cell.members) and not left else Tone.ALARM)


def _more(subject: Subject, lead: int) -> Iterator[Block]:
    """Charts beside the bars, where there is something to draw: price, sizes, runs."""
    comparison = subject.comparison
    key = comparison.columns[lead].key
    base = identifier(str(key))
    pareto = charts.pareto(comparison, lead)
    decision = decision_of(subject, lead)
    if isinstance(pareto, ScatterChart) and len(pareto.points) > 1 and decision is not None:
        yield Figure(
            f"price-{base}",
            replace(pareto, title=f"{full_name(key)}, against the price"),
            _points_in_words(pareto),
            POINTS,
            origin(subject, (lead,)),
            price_table(decision),
        )
        turns = tuple(break_even(decision))
        if turns:
            yield Bullets(turns)
    for ladder in _ladders(subject, key.suite):
        yield _lines(subject, ladder, f"sizes-{identifier(ladder.title)}", lead, "Size")
    if len({one.run for one in subject.rows}) > 1:
        spec = charts.history(subject.rows, comparison, lead)
        if isinstance(spec, LineChart) and spec.series:
            yield _lines(subject, spec, f"runs-{base}", lead, "Run")


def _ladders(subject: Subject, suite: str) -> Iterator[LineChart]:
    """A chart for each family of metrics of a suite that is measured over sizes."""
    families: dict[str, None] = {}
    for at in subject.positions(suite):
        key = subject.comparison.columns[at].key
        found = charts.rung(key)
        if found is None or found[0] in families:
            continue
        families[found[0]] = None
        spec: Chart = charts.ladder([one for one in subject.rows if one.suite == suite], key)
        if isinstance(spec, EmptyChart) or not isinstance(spec, LineChart):
            continue
        if max((len(series.points) for series in spec.series), default=0) > 2:
            yield spec


def _points_in_words(spec: ScatterChart) -> str:
    said = "; ".join(
        f"{point.label}: {point.y:.4g} {spec.y_label} at {point.x:.4g} {spec.x_label}"
        f"{', on the frontier' if point.frontier else ''}{f', {point.note}' if point.note else ''}"
        for point in spec.points
    )
    return f"Scatter chart, {len(spec.points)} types. {said}."


def _lines(subject: Subject, spec: LineChart, name: str, lead: int, what: str) -> Figure:
    table = _line_table(subject, spec, what)
    said = "; ".join(
        f"{series.label}: {series.points[0][1]:.4g} to {series.points[-1][1]:.4g} {spec.y_label}"
        for series in spec.series
        if series.points
    )
    points = max((len(series.points) for series in spec.series), default=0)
    words = f"Line chart over {spec.x_label}, {len(spec.series)} types, {points} points each. {said}."
    return Figure(name, spec, words, LINES, origin(subject, (lead,)), table, folded=points > 12)


def _line_table(subject: Subject, spec: LineChart, what: str) -> Table:
    """The points of a line chart: a row for each place, a column for each line."""
    places = sorted({x for series in spec.series for x, _ in series.points})
    names = _place_names(subject, spec, places, what)
    headings = (Heading(what), *(Heading(f"{series.label} ({spec.y_label})", True) for series in spec.series))
    values = [dict(series.points) for series in spec.series]
    rows = tuple(
        (
            Datum(name, place),
            *(
                Datum(quoting.UNKNOWN if place not in one else quoting.number(one[place]), one.get(place))
                for one in values
            ),
        )
        for place, name in zip(places, names, strict=True)
    )
    return Table(spec.title, headings, rows)


def _place_names(subject: Subject, spec: LineChart, places: Sequence[float], what: str) -> list[str]:
    if what == "Run":
        runs = {one.planned_at.timestamp(): one.run for one in subject.rows}
        return [runs.get(place, f"{place:.0f}") for place in places]
    return [f"{size(place)}B" if spec.log_x else f"{place:g}" for place in places]


def _all_metrics(subject: Subject, positions: Sequence[int]) -> Table:
    """Every metric of every type."""
    comparison = subject.comparison
    confidence = quoting.confidence_text(comparison.confidence)
    headings = (
        Heading("Metric", code=True),
        Heading("Type"),
        Heading("n", numeric=True),
        Heading("Value", numeric=True),
        Heading("Unit"),
        Heading(f"{confidence} interval", numeric=True),
        Heading("Verdict", words=True),
    )
    rows = []
    for at in positions:
        column = comparison.columns[at]
        for row in comparison.in_order(at):
            cell = row.cells[at]
            interval = cell.estimate.interval if cell.estimate else None
            rows.append(
                (
                    Datum(column.key.name, column.key.name),
                    Datum(row.name, row.name),
                    Datum(str(cell.n), cell.n),
                    Datum(quoting.value_text(cell), cell.estimate.value if cell.estimate else None),
                    Datum(column.unit, column.unit),
                    Datum(quoting.interval_text(cell), interval.low if interval else None),
                    _judged(subject, row, at),
                )
            )
    caption = "Every metric; verdicts on those beyond the headline are a sweep, corrected for their number"
    if len(rows) > MOST_ROWS:
        caption += f". The first {MOST_ROWS} of {len(rows)} rows: `benchtui export` has all"
    return Table(caption, headings, tuple(rows[:MOST_ROWS]))
