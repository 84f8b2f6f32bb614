"""Lines and points in SVG: axes with marks and units, series told apart by colour, dash and marker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchtui.report.axes import Axis, axis, short, ticks
from benchtui.report.chart_specs import LineChart, Point, ScatterChart, Series, Tick
from benchtui.report.svg_text import element, fitted, label, width

SIZE, SMALL = 14.0, 12.0
HIGH, LOW = 300.0, 250.0  # of the plot alone, in wide and in narrow images
BREAK = 520
#: Colours of page.css; beyond them they begin anew with another dash.
COLOURS = 8
MARKER = 4.5
LINE = 20.0  # height of a line of the legend

Box = tuple[float, float, float, float]  # left, top, right, bottom


class _Plot:
    """A frame with its two axes."""

    def __init__(self, xs: Axis, ys: Axis, box: Box, total: int) -> None:
        self.xs, self.ys, self.box, self.total = xs, ys, box, total

    def x(self, value: float) -> float:
        """Pixels from the left."""
        left, _, right, _ = self.box
        return left + (right - left) * self.xs.place(value)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        _, top, _, bottom = self.box
        return bottom - (bottom - top) * self.ys.place(value)

    def frame(self, x_ticks: Sequence[Tick], x_label: str, y_label: str) -> Iterator[str]:
        """Grid, marks and the names of both axes."""
        left, top, right, bottom = self.box
        for tick in ticks(self.ys, max(int((bottom - top) // 45), 3)):
            y = self.y(tick.at)
            yield element("path", d=f"M{left:.1f} {y:.1f}H{right:.1f}", class_="grid")
            yield label(left - 8, y + 4, tick.label, "tick", "end")
        given = [tick for tick in x_ticks if -1e-9 <= self.xs.place(tick.at) <= 1 + 1e-9]
        last = -1e9
        for tick in given or ticks(self.xs, max(int((right - left) // 80), 2)):
            x = self.x(tick.at)
            half = width(tick.label, SMALL) / 2
            if x - half < last + 6:
                continue  # two marks at one place are none
            last = x + half
            yield element("path", d=f"M{x:.1f} {top:.1f}V{bottom:.1f}", class_="grid")
            middle = min(max(x, half + 1), self.total - half - 1)
            yield label(middle, bottom + 17, tick.label, "tick", "middle")
        yield element("path", d=f"M{left:.1f} {top:.1f}V{bottom:.1f}H{right:.1f}", class_="axis")
        yield label(2, top - 10, fitted(y_label, self.total - 8, SMALL), "tick unit")
        yield label(right, bottom + 35, fitted(x_label, right - left, SMALL), "tick unit", "end")


def draw_lines(chart: LineChart, total: int) -> tuple[list[str], float]:
    """Elements and the height they take."""
    drawn = [series for series in chart.series if series.points]
    if not drawn:
        return [], 0.0
    points = [point for series in drawn for point in series.points]
    capped = [chart.cap.at] if chart.cap is not None else []
    xs = axis([x for x, _ in points], log=chart.log_x)
    ys = axis([y for _, y in points] + capped, log=chart.log_y, from_zero=True)
    legend, below = _legend([(at, series.label, series.dashed) for at, series in enumerate(drawn)], total)
    plot = _plot(xs, ys, below, total)
    parts = [*legend, *plot.frame(chart.x_ticks, chart.x_label, chart.y_label)]
    if chart.cap is not None:
        y = plot.y(chart.cap.at)
        parts.append(element("path", d=f"M{plot.box[0]:.1f} {y:.1f}H{plot.box[2]:.1f}", class_="cap"))
        parts.append(label(plot.box[2], y - 5, chart.cap.label, "muted", "end"))
    for at, series in enumerate(drawn):
        parts += _series(series, at, plot)
    return parts, plot.box[3] + 44


def draw_scatter(chart: ScatterChart, total: int) -> tuple[list[str], float]:
    """Elements and the height they take."""
    if not chart.points:
        return [], 0.0
    xs = axis([point.x for point in chart.points])
    ys = axis([point.y for point in chart.points], from_zero=True)
    plot = _plot(xs, ys, 0.0, total)
    parts = [*plot.frame((), chart.x_label, chart.y_label)]
    best = sorted((point for point in chart.points if point.frontier), key=lambda one: (one.x, one.y))
    if len(best) > 1:
        way = "L".join(f"{plot.x(point.x):.1f} {plot.y(point.y):.1f}" for point in best)
        parts.append(element("path", d=f"M{way}", class_="frontier"))
    for point in chart.points:
        marker = "diamond" if point.frontier else "circle"
        class_ = "best" if point.frontier else ("weak-mark" if point.note else "other")
        parts.append(_marker(marker, plot.x(point.x), plot.y(point.y), class_, MARKER + 1.5))
    parts += _named(chart.points, plot)
    return parts, plot.box[3] + 44


def _plot(xs: Axis, ys: Axis, below: float, total: int) -> _Plot:
    """The frame below the legend, with room for the marks of its y axis."""
    high = LOW if total < BREAK else HIGH
    marks = [tick.label for tick in ticks(ys, max(int(high // 45), 3))]
    left = max((width(mark, SMALL) for mark in marks), default=20.0) + 14
    top = below + 28
    return _Plot(xs, ys, (left, top, total - 12.0, top + high), total)


def _legend(entries: Sequence[tuple[int, str, bool]], total: int) -> tuple[list[str], float]:
    """A sample and the label of each series, as many to a line as fit; and where it ends."""
    parts: list[str] = []
    x, y = 2.0, 14.0
    for at, text, dashed in entries:
        said = fitted(text, total - 44, SIZE)
        wide = 34 + width(said, SIZE) + 14
        if x > 2 and x + wide > total:
            x, y = 2.0, y + LINE
        parts.append(element("path", d=f"M{x:.1f} {y - 5:.1f}h26", class_=_line_class(at, dashed)))
        parts.append(_marker(_shape(at), x + 13, y - 5, f"m{at % COLOURS}", MARKER))
        parts.append(label(x + 33, y, said, "name"))
        x += wide
    return parts, y + 6 if parts else 0.0


def _series(series: Series, at: int, plot: _Plot) -> Iterator[str]:
    places = [(plot.x(x), plot.y(y)) for x, y in series.points]
    if len(places) > 1:
        way = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        yield element("path", d=f"M{way}", class_=_line_class(at, series.dashed))
    # A marker every few points tells lines apart without colour and does not hide them.
    apart = max(len(places) // 12, 1)
    for number, (x, y) in enumerate(places):
        if number % apart == at % apart or len(places) <= 12:
            yield _marker(_shape(at), x, y, f"m{at % COLOURS}", MARKER)


def _line_class(at: int, dashed: bool) -> str:
    return f"line s{at % COLOURS} d{9 if dashed else (at % COLOURS + at // COLOURS) % 5}"


SHAPES = ("circle", "triangle", "square", "diamond", "down", "cross")


def _shape(at: int) -> str:
    return SHAPES[at % len(SHAPES)]


def _marker(shape: str, x: float, y: float, class_: str, r: float) -> str:
    if shape == "circle":
        return element("circle", cx=x, cy=y, r=r, class_=class_)
    if shape == "square":
        return element("rect", x=x - r, y=y - r, width=2 * r, height=2 * r, class_=class_)
    outline = {
        "triangle": f"M{x:.1f} {y - r:.1f}L{x + r:.1f} {y + r:.1f}H{x - r:.1f}Z",
        "down": f"M{x:.1f} {y + r:.1f}L{x + r:.1f} {y - r:.1f}H{x - r:.1f}Z",
        "diamond": f"M{x:.1f} {y - r:.1f}L{x + r:.1f} {y:.1f}L{x:.1f} {y + r:.1f}L{x - r:.1f} {y:.1f}Z",
        "cross": f"M{x - r:.1f} {y - r:.1f}l{2 * r:.1f} {2 * r:.1f}m{-2 * r:.1f} 0l{2 * r:.1f} {-2 * r:.1f}",
    }
    return element("path", d=outline[shape], class_=f"{class_} stroked" if shape == "cross" else class_)


def _named(points: Sequence[Point], plot: _Plot) -> Iterator[str]:
    """Names beside their points, each where it covers neither another name nor a point, if there is one."""
    taken: list[Box] = [
        (plot.x(point.x) - 6, plot.y(point.y) - 6, plot.x(point.x) + 6, plot.y(point.y) + 6)
        for point in points
    ]
    left, top, right, bottom = plot.box
    for point in sorted(points, key=lambda one: (not one.frontier, one.x)):
        text = fitted(f"{point.label} {short(point.y)}", (right - left) * 0.6, SMALL)
        long, x, y = width(text, SMALL), plot.x(point.x), plot.y(point.y)
        middle = x - long / 2
        places = [(x + 10, y + 4), (x - 14 - long, y + 4), (middle, y - 11), (middle, y + 20)]
        places += [(bx, y + by) for by in (-12, 20, -26, 34) for bx in (x + 8, x - 8 - long)]
        for bx, by in places:
            box = (bx, by - SMALL + 2, bx + long, by + 3)
            inside = box[0] >= left and box[2] <= right + 10 and box[1] >= top - 8 and box[3] <= bottom
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                yield label(bx, by, text, "name small" if not point.note else "muted")
                break


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
