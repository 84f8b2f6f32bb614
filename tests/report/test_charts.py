"""Charts in a terminal: true lengths, within their size, finite, and harmless whatever a label says."""

from __future__ import annotations

import ast
import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

import benchtui
from benchtui.report.charts import (
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
    render_terminal,
)

HOSTILE = "\x1b[31m[/red]evil\x9b2J\u202etxt\n表表表🙂" + "x" * 300
finite = st.floats(allow_nan=False, allow_infinity=False)
lengths = st.floats(0, 1e300)


def bar_chart(*values: float, label: str = "c7g.large") -> BarChart:
    return BarChart("triad", "GB/s", tuple(Bar(label, value) for value in values))


def length_of(line: Text) -> float:
    """Length of the bar in a line, in cells, as a reader sees it; an interval's low end is on the bar."""
    eighths = " ▏▎▍▌▋▊▉█"
    whole = "▒#=├["
    marks = [mark for mark in line.plain if mark in eighths or mark in whole]
    return sum(1.0 if mark in whole else eighths.index(mark) / 8 for mark in marks)


def of_every_kind(label: str = "c7g.large", value: float = 46.1) -> list[Chart]:
    bars = (Bar(label, value, value / 2, value * 2, 3, note=label), Bar(label, None, n=0))
    points = (Point(label, 0.07, value, True), Point(label, 0.1, value / 2, note=label))
    spent, expected = (
        Series(label, ((1, value), (2, value))),
        Series(label, ((2, value), (3, 9.0)), dashed=True),
    )
    marks = (Tick(1, label), Tick(3, label))
    steps = (Series("a", ((1024, 1), (2**25, value))), Series("b", ((1024, 1),)))
    return [
        BarChart(label, "GB/s", bars),
        ScatterChart(label, label, label, points),
        LineChart(label, label, label, (spent, expected), cap=Cap(5.0, label), x_ticks=marks),
        LineChart(label, "bytes", "ns", steps, log_x=True, log_y=True),
        EmptyChart(label, label),
    ]


@given(st.lists(lengths, min_size=1, max_size=6), st.integers(30, 200))
def test_lengths_of_bars_are_proportional_to_their_values(values, width):
    lines = render_terminal(bar_chart(*values, label="t"), width, len(values) + 1)[1:]
    drawn = [length_of(line) for line in lines]
    longest = max(drawn)
    for value, length in zip(values, drawn, strict=True):
        expected = longest * value / max(values) if max(values) else 0.0
        assert length == pytest.approx(expected, abs=0.13)


@given(st.lists(lengths, min_size=1, max_size=6), st.integers(30, 200))
def test_lengths_in_ascii_are_true_to_a_cell(values, width):
    lines = render_terminal(bar_chart(*values, label="t"), width, len(values) + 1, ascii=True)[1:]
    drawn = [length_of(line) for line in lines]
    for value, length in zip(values, drawn, strict=True):
        expected = max(drawn) * value / max(values) if max(values) else 0.0
        assert length == pytest.approx(expected, abs=1.01)


@given(st.floats(0.1, 1000), st.integers(30, 120))
def test_an_interval_does_not_change_the_length_of_a_bar(value, width):
    chart = BarChart("t", "", (Bar("t", value, value / 2, value * 1.5), Bar("t", value)))
    _, one, other = render_terminal(chart, width, 3)
    assert length_of(one) == pytest.approx(length_of(other), abs=0.13)


def test_an_interval_ends_where_its_bounds_are():
    chart = BarChart("t", "", (Bar("t", 50, 25, 75, text="v"), Bar("t", 100, text="v")))
    _, line, full = (line.plain for line in render_terminal(chart, 84, 3))
    cells = full.count("█")
    assert line.index("├") - 2 == pytest.approx(cells / 4, abs=1)
    assert line.index("┤") - 2 == pytest.approx(cells * 3 / 4, abs=1)
    assert line.rindex("█") - 2 == pytest.approx(cells / 2, abs=1)


def test_an_interval_beyond_the_axis_ends_in_an_arrow():
    chart = BarChart("t", "", (Bar("t", 50, 1, 5000, text="v"), Bar("t", 40, text="v")))
    assert "→" in render_terminal(chart, 60, 3)[1].plain


def test_a_bar_of_zero_has_no_length_and_an_unknown_one_is_a_dash():
    lines = render_terminal(BarChart("t", "", (Bar("a", 0.0), Bar("b", 5.0), Bar("c", None))), 60, 4)
    assert length_of(lines[1]) == 0
    assert "–" in lines[3].plain
    assert "0" not in lines[3].plain


def test_a_type_that_is_not_ranked_looks_different_without_any_colour():
    chart = BarChart("t", "", (Bar("a", 4.0), Bar("b", 4.0, note="1 instance, 3 needed", ranked=False)))
    lines = render_terminal(chart, 80, 4, color=False)
    assert "█" in lines[1].plain
    assert "▒" in lines[2].plain
    assert "█" not in lines[2].plain
    assert "1 instance, 3 needed" in "".join(line.plain for line in lines)


def test_bars_that_do_not_fit_are_counted():
    lines = render_terminal(bar_chart(*range(1, 21)), 60, 6)
    assert len(lines) == 6
    assert lines[-1].plain == "and 16 more"


@given(st.integers(1, 130), st.integers(1, 45), st.booleans(), st.booleans(), st.sampled_from(range(5)))
def test_a_chart_is_never_wider_or_taller_than_asked(width, height, ascii, hostile, which):
    chart = of_every_kind(HOSTILE if hostile else "c7g.large")[which]
    lines = render_terminal(chart, width, height, ascii=ascii)
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)


@pytest.mark.parametrize("chart", of_every_kind(HOSTILE), ids=lambda chart: type(chart).__name__)
def test_no_control_sequence_of_a_label_reaches_the_terminal(chart):
    for color in (True, False):
        text = "".join(line.plain for line in render_terminal(chart, 100, 20, color=color))
        assert text.isprintable()
        assert "\x1b" not in text


@pytest.mark.parametrize("chart", of_every_kind(), ids=lambda chart: type(chart).__name__)
def test_without_colour_there_is_no_style(chart):
    for line in render_terminal(chart, 80, 15, color=False):
        assert not line.spans
        assert not line.style


@pytest.mark.parametrize("chart", of_every_kind(), ids=lambda chart: type(chart).__name__)
def test_colours_are_those_every_terminal_has(chart):
    from rich.color import ColorType
    from rich.style import Style

    for line in render_terminal(chart, 80, 15):
        for span in line.spans:
            color = Style.parse(str(span.style)).color
            assert color is None or color.type in (ColorType.STANDARD, ColorType.DEFAULT)


@pytest.mark.parametrize("chart", of_every_kind(), ids=lambda chart: type(chart).__name__)
def test_ascii_is_ascii(chart):
    assert all(line.plain.isascii() for line in render_terminal(chart, 80, 15, ascii=True))


@pytest.mark.parametrize("chart", of_every_kind(), ids=lambda chart: type(chart).__name__)
@pytest.mark.parametrize(("width", "height"), [(20, 5), (60, 16), (1, 1), (3, 40), (240, 80)])
def test_every_size_shows_something(chart, width, height):
    assert any(line.plain.strip() for line in render_terminal(chart, width, height))


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (-1, 3)])
def test_no_room_is_no_lines(width, height):
    assert render_terminal(bar_chart(1.0), width, height) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "make",
    [
        lambda bad: Bar("t", bad),
        lambda bad: Bar("t", 1.0, bad, 2.0),
        lambda bad: Bar("t", 1.0, 0.5, bad),
        lambda bad: Point("t", bad, 1.0),
        lambda bad: Point("t", 1.0, bad),
        lambda bad: Series("t", ((1.0, bad),)),
        lambda bad: Series("t", ((bad, 1.0),)),
        lambda bad: Cap(bad, "t"),
        lambda bad: Tick(bad, "t"),
    ],
)
def test_a_number_that_is_not_finite_is_refused(make, bad):
    with pytest.raises(ValueError, match=r"not a finite number|negative"):
        make(bad)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bar("t", -1.0),
        lambda: Bar("t", 1.0, 2.0, 3.0),
        lambda: Bar("t", 1.0, low=0.5),
        lambda: Bar("t", None, 0.5, 1.0),
        lambda: Series("t", ((2.0, 1.0), (1.0, 1.0))),
        lambda: LineChart("t", "", "", (Series("t", ((0.0, 1.0),)),), log_x=True),
        lambda: LineChart("t", "", "", (Series("t", ((1.0, 0.0),)),), log_y=True),
        lambda: LineChart("t", "", "", (), log_y=True, cap=Cap(0.0, "")),
        lambda: LineChart("t", "", "", (), log_x=True, x_ticks=(Tick(0.0, ""),)),
    ],
)
def test_a_shape_that_cannot_be_drawn_is_refused(make):
    with pytest.raises(ValueError):
        make()


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=5), st.booleans())
def test_any_finite_points_are_drawn(points, dashed):
    points.sort()
    chart = LineChart("t", "x", "y", (Series("a", tuple(points), dashed),))
    assert render_terminal(chart, 60, 12)
    scatter = ScatterChart("t", "x", "y", tuple(Point("a", x, y, dashed) for x, y in points))
    assert render_terminal(scatter, 60, 12)


@given(st.lists(st.tuples(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300)), min_size=1, max_size=5))
def test_any_positive_points_are_drawn_on_logarithmic_axes(points):
    points.sort()
    chart = LineChart("t", "x", "y", (Series("a", tuple(points)),), log_x=True, log_y=True)
    assert render_terminal(chart, 60, 12)


@pytest.mark.parametrize(
    "chart",
    [
        BarChart("t", "", ()),
        ScatterChart("t", "", "", ()),
        LineChart("t", "", "", ()),
        LineChart("t", "", "", (Series("a", ()),)),
    ],
)
def test_a_chart_of_nothing_says_so(chart):
    assert "nothing measured yet" in render_terminal(chart, 60, 10)[1].plain


def test_one_figure_leaves_nothing_in_the_next():
    first = LineChart("first", "", "", (Series("a", ((0.0, 0.0), (1.0, 9.0))),))
    second = LineChart("second", "", "", (Series("b", ((0.0, 0.0), (1.0, 1.0))),))
    alone = render_terminal(second, 60, 12)
    render_terminal(first, 60, 12)
    assert render_terminal(second, 60, 12) == alone


def test_charts_drawn_at_the_same_time_do_not_mix():
    charts = of_every_kind()
    alone = [render_terminal(chart, 60, 12) for chart in charts]
    mixed: list[bool] = []

    def draw() -> None:
        mixed.extend(
            render_terminal(chart, 60, 12) == lines
            for _ in range(5)
            for chart, lines in zip(charts, alone, strict=True)
        )

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mixed) == 100
    assert all(mixed)


def test_a_line_has_its_cap_its_projection_and_its_marks():
    lines = [line.plain for line in render_terminal(of_every_kind()[2], 60, 16)]
    legend = "".join(lines[1:3])
    assert "─ c7g.large" in legend
    assert "· c7g.large" in legend
    assert any("·" in line for line in lines[3:])
    assert any("────────────────" in line[3:-1] and "┌" not in line and "└" not in line for line in lines)


def test_points_are_numbered_and_the_frontier_is_named():
    lines = [line.plain for line in render_terminal(of_every_kind()[1], 70, 16)]
    assert "1 c7g.large 46.1 (frontier)" in lines[1]
    assert any("1" in line for line in lines[3:])


def test_plotext_is_imported_by_one_module_only():
    importers = set()
    for file in Path(benchtui.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "plotext" for name in names):
                importers.add(file.name)
    assert importers == {"charts.py"}


def test_plotext_is_imported_when_the_first_plot_is_drawn():
    code = "import sys, benchtui.report.charts; print('plotext' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
