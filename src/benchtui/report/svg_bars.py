"""Horizontal bars in SVG: from zero, with interval, and with a dot for every instance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchtui.report.axes import Axis, short, ticks
from benchtui.report.bars import longest
from benchtui.report.chart_specs import Bar, BarChart
from benchtui.report.svg_text import element, fitted, label, width

SIZE, SMALL = 14.0, 12.0  # of text, pixels
THICK = 18.0  # of a bar
ROW, NOTE = 38.0, 17.0  # height of a row, and what a note adds
STACKED = 520  # narrower images have labels above the bars
AXIS = 34.0
#: Bars of one image; more are counted, and stand in the table.
MOST = 40


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where things stand."""

    left: float  # begin of every bar
    right: float  # end of the longest
    top: float  # value at the right end
    stacked: bool
    total: float

    def x(self, value: float) -> float:
        """Place of a value; what lies beyond the end stands at the end."""
        return self.left + (self.right - self.left) * min(value / self.top, 1.0)


def draw_bars(chart: BarChart, name: str, total: int) -> tuple[list[str], float]:
    """Elements and the height they take."""
    shown = chart.bars[:MOST]
    if not shown:
        return [], 0.0
    frame = _frame(shown, total)
    parts = [_hatch(name)]
    rows: list[str] = []
    y = 4.0
    for bar in shown:
        rows += _row(bar, frame, y, name)
        y += _height(bar, frame)
    parts += _grid(chart, frame, y)
    parts += rows
    if len(chart.bars) > len(shown):
        y += AXIS
        parts.append(label(frame.left, y, f"and {len(chart.bars) - len(shown)} more in the table", "muted"))
        return parts, y + 8
    return parts, y + AXIS


def _frame(shown: Sequence[Bar], total: int) -> _Frame:
    if total < STACKED:
        return _Frame(2.0, total - 8.0, longest(tuple(shown)), True, float(total))
    names = max(width(bar.label, SIZE) for bar in shown)
    left = min(names + 14, total * 0.32)
    figures = max(width(_figure(bar), SIZE) for bar in shown) + 28
    return _Frame(left, total - min(figures, total * 0.34), longest(tuple(shown)), False, float(total))


def _height(bar: Bar, frame: _Frame) -> float:
    noted = bool(bar.note) and bar.value is not None
    return ROW + (SIZE + 4 if frame.stacked else 0) + (NOTE if noted else 0)


def _figure(bar: Bar) -> str:
    """The value as it is to be read, with what it stands on."""
    value = bar.text or ("–" if bar.value is None else short(bar.value))
    return value if bar.n is None else f"{value}  n={bar.n}"


def _hatch(name: str) -> str:
    """The pattern of bars that are not ranked."""
    line = element("path", d="M0 6L6 0", class_="hatch-line")
    ground = element("rect", width=6, height=6, class_="hatch-ground")
    pattern = element(
        "pattern", ground + line, id=f"{name}-hatch", width=6, height=6, patternUnits="userSpaceOnUse"
    )
    return element("defs", pattern)


def _grid(chart: BarChart, frame: _Frame, bottom: float) -> Iterator[str]:
    """Scale with its unit, and a line up from each mark."""
    room = frame.right - frame.left
    yield element("path", d=f"M{frame.left:.1f} 0V{bottom:.1f}", class_="axis")
    for tick in ticks(Axis(0.0, frame.top), max(int(room // 90), 2)):
        x = frame.x(tick.at)
        if tick.at > 0:
            yield element("path", d=f"M{x:.1f} 0V{bottom:.1f}", class_="grid")
        anchor = "start" if frame.stacked and tick.at == 0 else "middle"
        if not (frame.stacked and x > frame.total - 14):
            yield label(x, bottom + 16, tick.label, "tick", anchor)
    unit = fitted(chart.unit, frame.total - 8, SMALL)
    yield label(frame.right, bottom + 31, unit, "tick unit", "end")


def _row(bar: Bar, frame: _Frame, y: float, name: str) -> Iterator[str]:
    top = y + (SIZE + 8 if frame.stacked else (ROW - THICK) / 2)
    middle = top + THICK / 2
    if frame.stacked:
        figure = _figure(bar)
        room = frame.total - width(figure, SIZE) - 12
        yield label(frame.left, y + SIZE, fitted(bar.label, room, SIZE), "name")
        yield label(frame.total - 2, y + SIZE, figure, "figure" if bar.ranked else "figure weak", "end")
    else:
        yield label(frame.left - 10, middle + 5, fitted(bar.label, frame.left - 12, SIZE), "name", "end")
        text = fitted(_figure(bar), frame.total - frame.right - 8, SIZE)
        yield label(frame.total - 2, middle + 5, text, "figure" if bar.ranked else "figure weak", "end")
    if bar.value is None:
        why = fitted(f"– {bar.note}".rstrip(), frame.right - frame.left - 8, SMALL)
        yield label(frame.left + 6, middle + 4, why, "muted")
        return
    yield _bar(bar, frame, top, name)
    yield from _interval(bar, frame, middle)
    for value in bar.members:
        if value <= frame.top:
            yield element("circle", cx=frame.x(value), cy=middle, r=3.2, class_="dot")
    if bar.note:
        note = fitted(bar.note, frame.total - frame.left - 8, SMALL)
        yield label(frame.left + 6, top + THICK + 13, note, "muted")


def _bar(bar: Bar, frame: _Frame, top: float, name: str) -> str:
    assert bar.value is not None
    long = max(frame.x(bar.value) - frame.left, 1.0)
    fill = None if bar.ranked else f"url(#{name}-hatch)"
    class_ = "bar" if bar.ranked else "bar-unranked"
    return element("rect", x=frame.left, y=top, width=long, height=THICK, rx=2, fill=fill, class_=class_)


def _interval(bar: Bar, frame: _Frame, middle: float) -> Iterator[str]:
    """A line with a cap at each end; with an arrow where it goes on beyond the scale."""
    if bar.low is None or bar.high is None:
        return
    low, high = frame.x(bar.low), frame.x(bar.high)
    end = f"M{high:.1f} {middle - 6:.1f}V{middle + 6:.1f}"
    if bar.high > frame.top * (1 + 1e-9):
        end = f"M{high - 6:.1f} {middle - 5:.1f}L{high:.1f} {middle:.1f}L{high - 6:.1f} {middle + 5:.1f}"
    path = f"M{low:.1f} {middle - 6:.1f}V{middle + 6:.1f}M{low:.1f} {middle:.1f}H{high:.1f}{end}"
    yield element("path", d=path, class_="halo")
    yield element("path", d=path, class_="interval")
