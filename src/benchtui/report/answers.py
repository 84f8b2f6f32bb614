"""The first page of a report: what was compared, and what came out of it in words."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from benchtui.core import quoting
from benchtui.core.compare import Comparison, TypeRow
from benchtui.core.documents import Outcome
from benchtui.core.money import usd_text
from benchtui.report.blocks import (
    Block,
    Bullets,
    Card,
    Cards,
    Datum,
    Facts,
    Heading,
    Line,
    Paragraph,
    Section,
    Table,
    Tone,
)
from benchtui.report.subject import (
    Subject,
    counted,
    direction,
    full_name,
    listed,
    metric_words,
    price_words,
    tone_of,
    unit_words,
)

LINES = 6  # of a card
TYPES_IN_TITLE = 4


def title(subject: Subject) -> str:
    """``c7g.large, c7i.large and c7a.large compared``."""
    names = [row.name for row in subject.comparison.rows]
    if not names:
        return f"Run {listed(subject.runs)}"
    if len(names) == 1:
        return f"{names[0]} measured"
    if len(names) > TYPES_IN_TITLE:
        return f"{len(names)} instance types compared"
    return f"{', '.join(names[:-1])} and {names[-1]} compared"


def subtitle(subject: Subject) -> str:
    """Runs, dates, region and how much of the plan was measured."""
    runs = subject.records
    days = sorted({f"{record.run.created_at:%Y-%m-%d}" for record in runs})
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    planned, measured = cells(subject)
    name = listed(record.run.name for record in runs)
    return (
        f"{name} · {span} · {listed(region for record in runs for region in record.run.regions)} · "
        f"{measured} of {counted(planned, 'planned cell')} measured"
    )


def cells(subject: Subject) -> tuple[int, int]:
    """Planned cells (job × suite) and measured ones."""
    planned = len(subject.rows)
    return planned, sum(one.metrics is not None for one in subject.rows)


def answer(subject: Subject) -> Section:
    """Verdicts first: in short, by suite, then as a matrix."""
    blocks: list[Block] = []
    if not subject.comparison.columns:
        reasons = dict.fromkeys(
            f"{one.job} {one.suite}: {one.problem}" for one in subject.rows if one.problem
        )
        blocks.append(Paragraph("Nothing was measured, so there is nothing to compare.", strong=True))
        blocks.append(Bullets(tuple(reasons)[:12]))
        return Section("answer", "The answer", tuple(blocks))
    short = in_short(subject)
    if short:
        blocks.append(Bullets(short))
    leads = [next(at for at in subject.positions(suite)) for suite in subject.suites]
    blocks.append(Cards(tuple(_card(subject, at) for at in leads)))
    blocks.append(matrix(subject, subject.comparison, "What tells most, per instance"))
    if any(_judged(subject.per_dollar, row) for row in subject.per_dollar.rows):
        blocks.append(matrix(subject, subject.per_dollar, "The same per dollar an hour"))
    return Section("answer", "The answer", tuple(blocks))


def in_short(subject: Subject) -> tuple[str, ...]:
    """A sentence for each type: how often it is better or worse than the baseline, how often neither."""
    comparison, said = subject.comparison, []
    if comparison.baseline is None or len(comparison.rows) < 2:
        said = [_alone(comparison, row) for row in comparison.rows]
    else:
        said = [_against(subject, row) for row in comparison.in_order(0) if row.name != comparison.baseline]
    for name in subject.unmeasured:
        reasons = listed((one.problem for one in subject.rows if one.instance_type == name), most=1)
        said.append(f"{name}: nothing was measured ({reasons}).")
    return tuple(said)


def _against(subject: Subject, row: TypeRow) -> str:
    comparison, asked = subject.comparison, len(subject.asked)
    tally = _tally(comparison, row, asked)
    text = f"{row.name} against {comparison.baseline}, {counted(asked, 'headline metric')}: {tally}."
    priced = subject.per_dollar.row(row.name)
    if priced is not None and _judged(subject.per_dollar, priced):
        text += f" Per dollar: {_tally(subject.per_dollar, priced, asked, silent=False)}."
    return text


def _alone(comparison: Comparison, row: TypeRow) -> str:
    ranked = sum(cell.ranked for cell in row.cells[: comparison.asked])
    words = f"{ranked} of {counted(comparison.asked, 'headline metric')} rest on enough instances for a rank"
    return f"{row.name} was measured alone: there is nothing to compare it with. {words}."


def _tally(comparison: Comparison, row: TypeRow, asked: int, *, silent: bool = True) -> str:
    """``better in 4, worse in 1, not ranked in 2 (2 instances, 3 needed)``."""
    words = Counter(quoting.verdict_word(comparison, row, at) for at in range(asked))
    parts = [
        f"{word} in {words[word]}"
        for word in ("better", "worse", "equivalent", "inconclusive")
        if words[word]
    ]
    unjudged = sum(count for word, count in words.items() if word in (quoting.NOT_RANKED, "no verdict"))
    if unjudged:
        reasons = listed((quoting.why(cell) for cell in row.cells[:asked] if cell.estimate), most=1)
        parts.append(f"no verdict in {unjudged} ({reasons})")
    if silent and words[quoting.UNKNOWN]:
        parts.append(f"no figure in {words[quoting.UNKNOWN]}")
    return ", ".join(parts) or "nothing"


def _judged(comparison: Comparison, row: TypeRow) -> bool:
    return any(cell.against is not None for cell in row.cells)


def _card(subject: Subject, position: int) -> Card:
    comparison = subject.comparison
    column = comparison.columns[position]
    ordered = comparison.in_order(position)
    foot = ""
    if position < len(subject.per_dollar.columns):
        foot = _per_dollar(subject.per_dollar, position)
    return Card(
        subject.title(column.key.suite),
        f"{metric_words(column.key)}, {direction(column)}",
        tuple(_line(comparison, row, position) for row in ordered[:LINES]),
        max(len(ordered) - LINES, 0),
        foot,
    )


def _line(comparison: Comparison, row: TypeRow, position: int) -> Line:
    cell, word = row.cells[position], quoting.verdict_word(comparison, row, position)
    tone = tone_of(comparison, row, position)
    if cell.against is not None:
        interval, sure = cell.against.interval, quoting.confidence_text(cell.against.confidence)
        words = f"{word}: {cell.against.ratio:.3g} times the baseline"
        words += f" ({sure} interval {interval.low:.3g} to {interval.high:.3g})"
    elif word == quoting.BASELINE:
        words = "the baseline" if len(comparison.rows) > 1 else ""
        bounds = cell.estimate.interval if cell.estimate else None
        if bounds is not None:
            percent = quoting.confidence_text(comparison.confidence)
            words += f"{', ' if words else ''}{percent} interval {quoting.number(bounds.low)} to "
            words += f"{quoting.number(bounds.high)}, {counted(cell.n, 'instance')}"
    elif word == quoting.UNKNOWN:
        words = quoting.why(cell)
    else:
        words = f"{word}: {quoting.why(cell)}"
    return Line(row.name, quoting.value_text(cell), words, tone)


def _per_dollar(comparison: Comparison, position: int) -> str:
    """The order per dollar, of what has a verdict there."""
    said = [
        f"{row.name} {quoting.verdict_text(comparison, row, position)}"
        for row in comparison.in_order(position)
        if row.cells[position].against is not None
    ]
    return f"Per dollar: {', '.join(said)}." if said else ""


def matrix(subject: Subject, comparison: Comparison, caption: str) -> Table:
    """The metrics that tell most by types; a type's column is sorted by the ratio to the baseline."""
    columns = comparison.columns[: len(subject.asked)]
    rows = comparison.in_order(0)
    headings = [Heading("Metric"), Heading("Unit")]
    for row in rows:
        price = quoting.usd_per_hour(row.usd_per_hour)
        headings.append(Heading(row.name if row.usd_per_hour is None else f"{row.name}, ${price}/h", True))
    found = []
    for at, column in enumerate(columns):
        if all(row.cells[at].estimate is None for row in rows):
            continue  # nothing that can be given in this way
        name = full_name(column.key)
        unit = unit_words(column.unit) + ("" if column.higher_is_better else ", less is better")
        found.append(
            (Datum(name, name), Datum(unit, unit), *(value_datum(comparison, row, at) for row in rows))
        )
    return Table(caption, tuple(headings), tuple(found))


def price_datum(row: TypeRow) -> Datum:
    """The price an hour."""
    price = row.usd_per_hour
    return Datum(
        quoting.usd_per_hour(price),
        None if price is None else float(price),
        Tone.WEAK if price is None else Tone.PLAIN,
    )


def value_datum(comparison: Comparison, row: TypeRow, position: int) -> Datum:
    """A figure with the ratio to the baseline and its verdict's sign."""
    cell = row.cells[position]
    if cell.estimate is None:
        return Datum(quoting.UNKNOWN, None, Tone.WEAK)
    tone = tone_of(comparison, row, position)
    text = quoting.value_text(cell)
    if cell.against is not None:
        return Datum(f"{text} ({cell.against.ratio:.3g}×)", cell.against.ratio, tone, signed=True)
    return Datum(text, 1.0 if tone is Tone.BASELINE else None, tone, signed=tone is not Tone.PLAIN)


def compared(subject: Subject) -> Section:
    """Runs, types, regions, AMIs, prices and versions."""
    documents = subject.documents()
    planned, measured = cells(subject)
    spent = [record.money for record in subject.records]
    known = [money for money in spent if money is not None]
    cost = usd_text(sum((money.spent_usd for money in known), Decimal(0)))
    versions = listed(record.run.benchtui_version for record in subject.records)
    pairs = [
        ("Runs", listed(subject.runs, most=8)),
        ("Instance types", listed((row.name for row in subject.comparison.rows), most=12)),
        ("Baseline", subject.comparison.baseline or "none"),
        ("Cells (job × suite)", f"{planned} planned, {measured} measured, {planned - measured} not measured"),
        ("Regions", listed(one.region for one in documents)),
        ("Zones", listed((one.zone for one in documents), most=8)),
        ("AMIs", listed(one.image_id for one in documents)),
        ("Prices", price_words(subject.rows)),
        ("Cost", f"${cost} est." if len(known) == len(spent) else "not known from a folder: see below"),
        ("Mode", listed(one.mode for one in documents if one.outcome is Outcome.MEASURED)),
        ("benchtui", f"{versions}; report {subject.version}"),
    ]
    return Section("compared", "What was compared", (Facts(tuple(pairs)),))
