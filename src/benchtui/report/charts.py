"""Charts in a terminal. The only module that knows plotext, and only by its public calls.

plotext keeps one figure for the whole process, aborts on NaN and needs memory in proportion to what it is
given. So every figure begins by clearing the last one, specifications hold finite numbers only, and what
plotext gets to see is already laid onto 0 … 1. Bars are drawn without it: it has no intervals and rounds
to whole cells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rich.text import Text

from benchtui.core.text import clean_line
from benchtui.report import axes
from benchtui.report.bars import draw_bars
from benchtui.report.chart_specs import (
    Bar,
    BarChart,
    Cap,
    Chart,
    EmptyChart,
    LineChart,
    Point,
    ScatterChart,
    Series,
    Tick,
)
from benchtui.report.labels import LONGEST, fit, width_of

if TYPE_CHECKING:
    from benchtui.report.axes import Axis

__all__ = [
    "Bar", "BarChart", "Cap", "Chart", "EmptyChart", "LineChart", "Point", "ScatterChart", "Series", "Tick",
    "render_terminal",
]  # fmt: skip

#: Below it a plot cannot be read; its numbers are listed instead.
SMALLEST_PLOT = (24, 6)
#: Names of the 16 colours every terminal has, with the numbers plotext knows them by.
NUMBERS = {"red": 1, "green": 2, "yellow": 3, "blue": 4, "magenta": 5, "cyan": 6}
COLOURS = ("green", "yellow", "cyan", "magenta", "blue", "red")
MARKERS, ASCII_MARKERS = "●▲■◆▼★", "ox+*%@"
PLACES = "123456789abcdefghijklmnopqrstuvwxyz"
TO_ASCII = str.maketrans(
    {"─": "-", "│": "|", **dict.fromkeys("┌┐└┘├┤┬┴┼", "+"), "…": "~", "–": "-", "→": ">", "×": "x", "·": "."}
)

_one_figure = threading.Lock()  # plotext's figure belongs to the process


def render_terminal(
    spec: Chart, width: int, height: int, *, ascii: bool = False, color: bool = True
) -> list[Text]:
    """The chart as lines.

    Args:
        spec: what to show.
        width: most cells a line has.
        height: most lines.
        ascii: no character beyond ASCII but those of labels.
        color: False leaves no style at all.
    """
    if width < 1 or height < 1:
        return []
    lines = _draw(spec, width, height, ascii)
    if ascii:
        lines = [_in_ascii(line) for line in lines]
    if not color:
        lines = [Text(line.plain, no_wrap=True, end="") for line in lines]
    return [fit(line, width) for line in lines[:height]]


def _draw(spec: Chart, width: int, height: int, ascii: bool) -> list[Text]:
    if isinstance(spec, EmptyChart):
        return _empty(spec, width)
    if isinstance(spec, BarChart):
        return draw_bars(spec, width, height, ascii=ascii) if spec.bars else _nothing(spec.title, width)
    if isinstance(spec, ScatterChart):
        return _scatter(spec, width, height, ascii) if spec.points else _nothing(spec.title, width)
    drawn = [series for series in spec.series if series.points]
    return _lines(spec, drawn, width, height, ascii) if drawn else _nothing(spec.title, width)


def _empty(spec: EmptyChart, width: int) -> list[Text]:
    lines = [fit(spec.title, width, "bold")]
    for word in clean_line(spec.reason, LONGEST).split():
        if len(lines) > 1 and lines[-1].cell_len + 1 + width_of(word) <= width:
            lines[-1].append(f" {word}")
        else:
            lines.append(Text(word, "dim"))
    return lines


def _nothing(title: str, width: int) -> list[Text]:
    return _empty(EmptyChart(title, "nothing measured yet"), width)


def _lines(spec: LineChart, drawn: Sequence[Series], width: int, height: int, ascii: bool) -> list[Text]:
    points = [point for series in drawn for point in series.points]
    xs = axes.axis([x for x, _ in points], log=spec.log_x)
    capped = [spec.cap.at] if spec.cap is not None else []
    ys = axes.axis([y for _, y in points] + capped, log=spec.log_y, from_zero=True)
    marks = _marks(drawn, ascii)
    small = not _has_room(width, height)
    legend = [
        (mark, f"{series.label} {axes.short(series.points[-1][1])}" if small else series.label, colour)
        for series, (mark, colour) in zip(drawn, marks, strict=True)
    ]
    if spec.cap is not None:
        legend.append(("─", spec.cap.label, "red"))

    def draw(plotext: Any, columns: int) -> None:
        if spec.cap is not None:
            height_of_cap = ys.place(spec.cap.at)
            plotext.plot([0, 1], [height_of_cap] * 2, marker="─", color=NUMBERS["red"])
        for series, (mark, colour) in zip(drawn, marks, strict=True):
            places = [(xs.place(x), ys.place(y)) for x, y in series.points]
            if series.dashed or len(places) == 1:
                places = _dots(places, columns // 2)
                plotext.scatter(
                    [x for x, _ in places], [y for _, y in places], marker=mark, color=NUMBERS[colour]
                )
            else:
                marker = "braille" if mark == "⠤" else mark
                plotext.plot(
                    [x for x, _ in places], [y for _, y in places], marker=marker, color=NUMBERS[colour]
                )

    head = [fit(f"{spec.title}, {spec.y_label}" if spec.y_label else spec.title, width, "bold")]
    return _framed(draw, head, _legend(legend, width), spec.x_label, (xs, ys), spec.x_ticks, width, height)


def _marks(drawn: Sequence[Series], ascii: bool) -> list[tuple[str, str]]:
    """Marker and colour of each line: one alone is drawn finely, several are told apart by marker."""
    solid = [series for series in drawn if not series.dashed]
    markers = ASCII_MARKERS if ascii else MARKERS
    marks: list[tuple[str, str]] = []
    for series in drawn:
        if series.dashed:
            marks.append(("·", "yellow"))
            continue
        at = solid.index(series)
        fine = len(solid) == 1 and not ascii and len(series.points) > 1
        marks.append(("⠤" if fine else markers[at % len(markers)], COLOURS[at % len(COLOURS)]))
    return marks


def _dots(places: list[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """Points along the way, a column apart from each other."""
    dots = list(places[:1])
    for (x, y), (next_x, next_y) in pairwise(places):
        count = max(1, round((next_x - x) * most))
        dots += [(x + (next_x - x) * k / count, y + (next_y - y) * k / count) for k in range(1, count + 1)]
    return dots


def _scatter(spec: ScatterChart, width: int, height: int, ascii: bool) -> list[Text]:
    xs = axes.axis([point.x for point in spec.points])
    ys = axes.axis([point.y for point in spec.points], from_zero=True)
    frontier = sorted(
        (point for point in spec.points if point.frontier), key=lambda point: (point.x, point.y)
    )
    named = [(_place(at), point) for at, point in enumerate(spec.points)]

    def draw(plotext: Any, columns: int) -> None:
        way = _dots([(xs.place(point.x), ys.place(point.y)) for point in frontier], columns // 2)
        if len(frontier) > 1:
            plotext.scatter([x for x, _ in way], [y for _, y in way], marker="·", color=NUMBERS["green"])
        for mark, point in sorted(named, key=lambda one: one[1].frontier):
            colour = NUMBERS["green" if point.frontier else "yellow"]
            plotext.scatter([xs.place(point.x)], [ys.place(point.y)], marker=mark, color=colour)

    legend = [(mark, _described(point), "green" if point.frontier else "yellow") for mark, point in named]
    head = [fit(f"{spec.title}, {spec.y_label}" if spec.y_label else spec.title, width, "bold")]
    return _framed(draw, head, _legend(legend, width), spec.x_label, (xs, ys), (), width, height)


def _described(point: Point) -> str:
    frontier = " (frontier)" if point.frontier else ""
    return f"{point.label} {axes.short(point.y)}{frontier}{f', {point.note}' if point.note else ''}"


def _place(at: int) -> str:
    return PLACES[at] if at < len(PLACES) else "*"


def _legend(entries: Sequence[tuple[str, str, str]], width: int) -> list[Text]:
    """Marker and label of everything, as many to a line as fit."""
    lines: list[Text] = []
    for mark, label, style in entries:
        entry = Text.assemble((mark, style), f" {fit(label, max(width - 2, 1)).plain}")
        if lines and lines[-1].cell_len + 2 + entry.cell_len <= width:
            lines[-1].append("  ").append_text(entry)
        else:
            lines.append(entry)
    return lines


def _has_room(width: int, height: int) -> bool:
    return width >= SMALLEST_PLOT[0] and height >= SMALLEST_PLOT[1]


def _framed(
    draw: Callable[[Any, int], None],
    head: list[Text],
    legend: list[Text],
    x_label: str,
    on: tuple[Axis, Axis],
    x_ticks: Sequence[Tick],
    width: int,
    height: int,
) -> list[Text]:
    """Title, legend and plot, as far as there is room: the plot keeps most of it."""
    if not _has_room(width, height):
        return [*head, *legend]
    spare = height - SMALLEST_PLOT[1]
    # Without its legend nobody can tell two lines apart: its first line comes before the title.
    title = head[: max(0, spare - 1)]
    foot = [fit(x_label, width, "dim")] if x_label and spare > 3 else []
    shown = legend[: max(min(1, spare), min(spare - len(title) - len(foot), height // 3))]
    plot = _plot(draw, on, x_ticks, width, height - len(title) - len(shown) - len(foot))
    if foot:
        foot[0].align("right", width)
    return [*title, *shown, *plot, *foot]


def _plot(
    draw: Callable[[Any, int], None], on: tuple[Axis, Axis], x_ticks: Sequence[Tick], width: int, height: int
) -> list[Text]:
    """plotext's part: a frame with marks, and what ``draw`` puts into it."""
    import plotext

    xs, ys = on
    at_y = axes.ticks(ys, max(3, (height - 2) // 2))
    at_x = [tick for tick in x_ticks if 0 <= xs.place(tick.at) <= 1] or axes.ticks(xs, max(2, width // 10))
    with _one_figure:
        plotext.clear_figure()
        plotext.limit_size(False, False)
        plotext.plot_size(width, height)
        plotext.canvas_color("default")
        plotext.axes_color("default")
        plotext.ticks_color("default")
        plotext.xlim(0, 1)
        plotext.ylim(0, 1)
        plotext.xticks([xs.place(tick.at) for tick in at_x], [_narrow(tick.label) for tick in at_x])
        plotext.yticks([ys.place(tick.at) for tick in at_y], [tick.label for tick in at_y])
        draw(plotext, max(width - 8, 1))
        built = plotext.build()
        plotext.clear_figure()
    lines = Text.from_ansi(built, no_wrap=True, end="").split("\n")
    return [line for line in lines if line.plain][:height]


def _narrow(label: str) -> str:
    """A mark's label of one cell per character: plotext counts characters."""
    return "".join(character if width_of(character) == 1 else "?" for character in fit(label, 12).plain)


def _in_ascii(line: Text) -> Text:
    """The same line with signs replaced one by one, styles kept."""
    plain = line.plain.translate(TO_ASCII)
    return Text(plain, spans=line.spans, style=line.style, no_wrap=True, end="")
