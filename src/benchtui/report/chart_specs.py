"""What a chart shows, apart from how it is drawn: finite numbers and labels, checked when it is made.

The same specification is drawn in a terminal and as SVG; a renderer never has to think about a value that
is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


def _finite(where: str, *values: float | None) -> None:
    for value in values:
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{where}: {value} is not a finite number")


@dataclass(frozen=True, slots=True)
class Bar:
    """A value from zero, with its interval.

    Raises:
        ValueError: a number is not finite or negative, or lies outside its interval.
    """

    label: str
    value: float | None  # None: unknown, drawn as a dash and never as an empty bar
    low: float | None = None
    high: float | None = None
    n: int | None = None  # instances
    text: str = ""  # the value as it is to be read; made from the value if empty
    note: str = ""
    ranked: bool = True  # False is drawn so that it cannot be mistaken for a rank
    members: tuple[float, ...] = ()  # what it stands for, one instance each; drawn where there is room

    def __post_init__(self) -> None:
        values = (self.value, self.low, self.high, *self.members)
        _finite(f"bar {self.label!r}", *values)
        if any(value is not None and value < 0 for value in values):
            raise ValueError(f"bar {self.label!r}: a length cannot be negative")
        if (self.low is None) != (self.high is None):
            raise ValueError(f"bar {self.label!r}: half an interval")
        if self.low is not None and self.high is not None:
            if self.value is None:
                raise ValueError(f"bar {self.label!r}: an interval around nothing")
            if not self.low <= self.value <= self.high:
                raise ValueError(f"bar {self.label!r}: {self.value} lies outside its interval")


@dataclass(frozen=True, slots=True)
class BarChart:
    """Horizontal bars in the order given."""

    title: str
    unit: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One thing at a place.

    Raises:
        ValueError: a coordinate is not finite.
    """

    label: str
    x: float
    y: float
    frontier: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        _finite(f"point {self.label!r}", self.x, self.y)


@dataclass(frozen=True, slots=True)
class ScatterChart:
    """Points, and the frontier through those that are on it."""

    title: str
    x_label: str
    y_label: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """A line through points, in the order of x; dashed for what is not measured but expected.

    Raises:
        ValueError: a coordinate is not finite, or x goes back.
    """

    label: str
    points: tuple[tuple[float, float], ...]
    dashed: bool = False

    def __post_init__(self) -> None:
        for x, y in self.points:
            _finite(f"series {self.label!r}", x, y)
        places = [x for x, _ in self.points]
        if places != sorted(places):
            raise ValueError(f"series {self.label!r}: x goes back")


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis.

    Raises:
        ValueError: its place is not finite.
    """

    at: float
    label: str

    def __post_init__(self) -> None:
        _finite(f"tick {self.label!r}", self.at)


@dataclass(frozen=True, slots=True)
class Cap:
    """A horizontal line that should not be reached.

    Raises:
        ValueError: its height is not finite.
    """

    at: float
    label: str

    def __post_init__(self) -> None:
        _finite(f"cap {self.label!r}", self.at)


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over a common axis.

    Raises:
        ValueError: a value that has no place on a logarithmic axis.
    """

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False
    cap: Cap | None = None
    x_ticks: tuple[Tick, ...] = ()  # chosen by the renderer if empty

    def __post_init__(self) -> None:
        points = [point for series in self.series for point in series.points]
        if self.log_x and any(place <= 0 for place in [x for x, _ in points] + [t.at for t in self.x_ticks]):
            raise ValueError("a logarithmic x axis has no place for 0 and less")
        if self.log_y and any(y <= 0 for y in [y for _, y in points] + ([self.cap.at] if self.cap else [])):
            raise ValueError("a logarithmic y axis has no place for 0 and less")


@dataclass(frozen=True, slots=True)
class EmptyChart:
    """Nothing to draw, and why."""

    title: str
    reason: str


Chart = BarChart | ScatterChart | LineChart | EmptyChart
