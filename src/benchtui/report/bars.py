"""Horizontal bars of block characters: lengths to an eighth of a cell, intervals at their ends."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from benchtui.report.axes import Axis, short, ticks
from benchtui.report.chart_specs import Bar, BarChart
from benchtui.report.labels import fit, padded, width_of

EIGHTHS = " ▏▎▍▌▋▊▉"
SHORTEST_BAR = 8
LONG_BAR = 20
#: An interval may stretch the axis this far beyond the longest bar; what is longer ends in an arrow.
STRETCH = 1.6


@dataclass(frozen=True, slots=True)
class Strokes:
    """The characters bars are made of."""

    full: str
    unranked: str
    low: str
    high: str
    line: str
    beyond: str
    unknown: str
    eighths: str


UNICODE = Strokes("█", "▒", "├", "┤", "─", "→", "–", EIGHTHS)
ASCII = Strokes("#", "=", "[", "]", "-", ">", "-", " " * 8)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Widths in cells."""

    label: int
    count: int
    bar: int
    text: int
    interval: int


def draw_bars(chart: BarChart, width: int, height: int, *, ascii: bool) -> list[Text]:
    """At most ``height`` lines of at most ``width`` cells; what does not fit is counted.

    Room that is left goes to notes, then to a scale, then between the bars.
    """
    strokes = ASCII if ascii else UNICODE
    heading = f"{chart.title}, {chart.unit}" if chart.unit else chart.title
    head = [fit(heading, width, "bold")] if height > 1 else []
    room = height - len(head)
    shown = chart.bars if len(chart.bars) <= room else chart.bars[: max(room - 1, 1)]
    columns, top = _columns(chart, shown, width), longest(shown)
    drawn = [_line(bar, columns, top, strokes) for bar in shown]
    spare = room - len(shown) - (len(shown) < len(chart.bars))
    groups: list[list[Text]] = []
    for bar, (line, noted) in zip(shown, drawn, strict=True):
        groups.append([line])
        if bar.note and not noted and spare > 0:
            spare -= 1
            groups[-1].append(fit(" " * (columns.label + columns.count) + bar.note, width, "dim"))
    scale = [_scale(columns, top)] if spare > 1 else []
    apart = spare - len(scale) >= len(groups)
    lines = head + [line for group in groups for line in ([*group, Text("")] if apart else group)] + scale
    if len(shown) < len(chart.bars) and len(lines) < height:
        lines.append(fit(f"and {len(chart.bars) - len(shown)} more", width, "dim"))
    return [fit(line, width) for line in lines[:height]]


def _scale(columns: _Columns, top: float) -> Text:
    """Round numbers, each beginning at the cell where a bar of that length ends."""
    cells = [" "] * columns.bar
    for tick in ticks(Axis(0.0, top), max(columns.bar // 10, 2)):
        place = round(tick.at / top * columns.bar)
        if place + len(tick.label) <= columns.bar:
            cells[place : place + len(tick.label)] = tick.label
    return Text(" " * (columns.label + columns.count) + "".join(cells), "dim")


def longest(bars: tuple[Bar, ...]) -> float:
    """The value at the right end."""
    most = max((bar.value for bar in bars if bar.value is not None), default=0.0)
    widest = max((bar.high for bar in bars if bar.high is not None), default=0.0)
    return max(most, min(widest, most * STRETCH)) or 1.0


def _columns(chart: BarChart, shown: tuple[Bar, ...], width: int) -> _Columns:
    """Share the width out: interval, count and value in figures go before the bars get too short."""
    label = min(max((width_of(bar.label) for bar in shown), default=0), max(width // 3, 4)) + 1
    wanted = {
        "text": max((width_of(_text(bar, UNICODE)) for bar in shown), default=0),
        "count": max((len(_count(bar)) for bar in shown), default=0),
        "interval": max((len(_interval(bar)) for bar in shown), default=0),
    }
    widths = dict.fromkeys(wanted, 0)
    left = width - label
    for name, cells in wanted.items():
        shortest = max(LONG_BAR if name == "interval" else SHORTEST_BAR, width // 4)
        if cells and left - cells - 1 >= shortest:
            widths[name] = cells + 1
            left -= cells + 1
    return _Columns(label, bar=max(left, 1), **widths)


def _count(bar: Bar) -> str:
    return "" if bar.n is None else f"n={bar.n}"


def _text(bar: Bar, strokes: Strokes) -> str:
    return bar.text or (strokes.unknown if bar.value is None else short(bar.value))


def _interval(bar: Bar) -> str:
    return "" if bar.low is None or bar.high is None else f"{short(bar.low)}…{short(bar.high)}"


def _line(bar: Bar, columns: _Columns, top: float, strokes: Strokes) -> tuple[Text, bool]:
    """One bar, and whether its note stands in it."""
    line = Text(no_wrap=True, end="")
    line.append_text(padded(bar.label, columns.label))
    line.append_text(padded(_count(bar), columns.count, "dim"))
    drawn = _bar(bar, columns.bar, top, strokes)
    free = columns.bar - drawn.cell_len
    noted = bool(bar.note) and width_of(bar.note) + 2 <= free
    if noted:
        drawn.append(f"  {fit(bar.note, free).plain}", "dim")
    drawn.append(" " * (columns.bar - drawn.cell_len))
    line.append_text(drawn)
    line.append_text(padded(_text(bar, strokes), columns.text, "" if bar.ranked else "dim", right=True))
    line.append_text(padded(_interval(bar), columns.interval, "dim", right=True))
    return line, noted


def _bar(bar: Bar, cells: int, top: float, strokes: Strokes) -> Text:
    if bar.value is None:
        return Text(strokes.unknown, "dim")
    style = "cyan" if bar.ranked else "dim"
    eighths = round(bar.value / top * cells * 8)
    whole, part = divmod(min(eighths, cells * 8), 8)
    if not bar.ranked or not strokes.eighths.strip():
        # Shaded and ASCII bars know whole cells only.
        whole, part = whole + (part >= 4), 0
    drawn = Text((strokes.full if bar.ranked else strokes.unranked) * whole, style)
    if part:
        drawn.append(strokes.eighths[part], style)
    if bar.low is None or bar.high is None:
        return drawn
    return _with_interval(
        drawn, _cell(bar.low, top, cells), _end(bar.high, top, cells), cells, style, strokes
    )


def _with_interval(drawn: Text, low: int, high: int, cells: int, style: str, strokes: Strokes) -> Text:
    """The bar with its interval: the low end on it, the high end beyond it; nothing within one cell."""
    inside = drawn.cell_len
    result = Text()
    for at, character in enumerate(drawn.plain):
        if at == low < inside - 1:
            # On the bar, and the bar goes on below it.
            result.append(strokes.low, f"reverse {style}")
        else:
            result.append(character, style)
    beyond = min(high, cells) - inside
    if beyond > 0:
        ending = strokes.beyond if high > cells else strokes.high
        result.append(strokes.line * (beyond - 1) + ending, style)
    return result


def _cell(value: float, top: float, cells: int) -> int:
    """The cell a value falls into, from 0."""
    return int(min(value / top, 2.0) * cells)


def _end(value: float, top: float, cells: int) -> int:
    """How many cells reach up to a value; one more than there are if it lies beyond them."""
    return cells + 1 if value > top * (1 + 1e-9) else round(value / top * cells)
