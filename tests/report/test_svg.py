"""Charts as SVG: lengths in proportion, whole XML, harmless labels, readable at both widths."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

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
from benchtui.report.svg import NARROW, WIDE, render_svg
from benchtui.report.svg_text import fitted, safe, width
from tests.tui.hostile_text import TEXTS

BARS = BarChart(
    "triad",
    "GB/s",
    (
        Bar("c7g.large", 48.0, 44.0, 52.0, 4, members=(47.0, 48.5, 49.0)),
        Bar("c7i.large", 24.0, 20.0, 500.0, 3),
        Bar("c7a.large", 12.0, n=2, note="not ranked: 2 instances, 3 needed", ranked=False),
        Bar("c8g.large", None, n=0, note="LOST"),
    ),
)
LINES = LineChart(
    "latency by size",
    "bytes",
    "ns",
    (
        Series("c7g.large", ((1024.0, 1.5), (65536.0, 5.0), (2.0**26, 118.0))),
        Series("c7i.large", ((1024.0, 1.9), (65536.0, 5.5), (2.0**26, 131.0)), dashed=True),
    ),
    log_x=True,
    log_y=True,
    cap=Cap(200.0, "cap"),
    x_ticks=(Tick(1024.0, "1K"), Tick(2.0**20, "1M")),
)
POINTS = ScatterChart(
    "triad against price",
    "USD per hour",
    "GB/s",
    (Point("c7g.large", 0.07, 48.0, True), Point("c7i.large", 0.09, 31.0), Point("x", 0.1, 47.0, note="no")),
)


def parsed(spec: Chart, size: int = WIDE) -> ElementTree.Element:
    return ElementTree.fromstring(render_svg(spec, "chart", "in words", size))


def all_of(root: ElementTree.Element, tag: str, class_: str | None = None) -> list[ElementTree.Element]:
    found = root.iter(f"{{http://www.w3.org/2000/svg}}{tag}")
    return [one for one in found if class_ is None or class_ in (one.get("class") or "").split()]


def texts(root: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in all_of(root, "text")]


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("spec", [BARS, LINES, POINTS], ids=["bars", "lines", "points"])
def test_every_chart_is_whole_xml_with_title_and_description(spec: Chart, size: int):
    root = parsed(spec, size)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "chart-title chart-desc"
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert {"chart-title", "chart-desc"} <= set(ids)
    assert len(ids) == len(set(ids))
    assert next(iter(root)).text == spec.title
    left, top, wide, high = (float(one) for one in (root.get("viewBox") or "").split())
    assert (left, top, wide) == (0, 0, size)
    assert high > 60


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_bars_are_as_long_as_their_values(size: int):
    ranked = [float(one.get("width") or 0) for one in all_of(parsed(BARS, size), "rect", "bar")]
    (shaded,) = [float(one.get("width") or 0) for one in all_of(parsed(BARS, size), "rect", "bar-unranked")]
    assert ranked[0] / ranked[1] == pytest.approx(2, rel=0.01)
    assert ranked[0] / shaded == pytest.approx(4, rel=0.02)


def test_what_is_not_ranked_is_hatched_and_what_is_unknown_has_no_bar():
    root = parsed(BARS)
    (shaded,) = all_of(root, "rect", "bar-unranked")
    assert shaded.get("fill") == "url(#chart-hatch)"
    assert len(all_of(root, "rect", "bar")) == 2
    assert any("LOST" in text for text in texts(root))
    assert any("2 instances, 3 needed" in text for text in texts(root))


def test_every_instance_is_a_dot_and_an_interval_beyond_the_scale_ends_in_an_arrow():
    root = parsed(BARS)
    assert len(all_of(root, "circle", "dot")) == 3
    first, second = (one.get("d") or "" for one in all_of(root, "path", "interval"))
    assert "L" not in first
    assert second.count("L") == 2


def test_axes_have_marks_and_units():
    assert "GB/s" in texts(parsed(BARS))
    assert {"bytes", "ns", "1K", "1M"} <= set(texts(parsed(LINES)))
    assert {"USD per hour", "GB/s"} <= set(texts(parsed(POINTS)))
    assert len(all_of(parsed(LINES), "path", "grid")) >= 4


def test_lines_differ_by_dash_and_marker_and_not_by_colour_alone():
    root = parsed(LINES)
    ways = [one for one in all_of(root, "path", "line") if "L" in (one.get("d") or "")]
    assert len({one.get("class") for one in ways}) == 2
    assert "d9" in (ways[1].get("class") or "").split()
    assert all_of(root, "circle", "m0")
    assert [one for one in all_of(root, "path", "m1") if (one.get("d") or "").endswith("Z")]


def test_names_of_points_do_not_cover_each_other():
    crowd = tuple(Point(f"m{at}.large", 0.07 + at / 1000, 40 + at / 10) for at in range(12))
    boxes = []
    for one in all_of(parsed(ScatterChart("t", "x", "y", crowd)), "text", "name"):
        x, y = float(one.get("x") or 0), float(one.get("y") or 0)
        boxes.append((x, x + width(one.text or "", 12), y - 10, y + 3))
    assert len(boxes) >= 3
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            apart = one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2] or other[3] <= one[2]
            assert apart, (one, other)


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_labels_are_letters_only(text: str):
    nasty = f'{text}</text><script>alert(1)</script>"\' onload="x'
    for spec in (
        BarChart(nasty, nasty, (Bar(nasty, 1.0, n=1, note=nasty), Bar(nasty, None, note=nasty))),
        LineChart(
            nasty, nasty, nasty, (Series(nasty, ((1.0, 2.0), (2.0, 3.0))),), x_ticks=(Tick(1.0, nasty),)
        ),
        ScatterChart(nasty, nasty, nasty, (Point(nasty, 1.0, 2.0, note=nasty),)),
    ):
        drawn = render_svg(spec, "chart", nasty, NARROW)
        assert len(drawn) < 60_000
        root = ElementTree.fromstring(drawn)
        assert not all_of(root, "script")
        assert not [name for one in root.iter() for name in one.attrib if name.startswith("on")]
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", drawn)


def test_nothing_to_draw_draws_nothing():
    assert render_svg(EmptyChart("t", "why"), "a", "b") == ""
    assert render_svg(BarChart("t", "u", ()), "a", "b") == ""
    assert render_svg(LineChart("t", "x", "y", ()), "a", "b") == ""
    assert render_svg(ScatterChart("t", "x", "y", ()), "a", "b") == ""


def test_bars_beyond_the_fortieth_are_counted():
    many = BarChart("t", "u", tuple(Bar(f"t{at}", float(at + 1)) for at in range(45)))
    root = parsed(many)
    assert len(all_of(root, "rect", "bar")) == 40
    assert "and 5 more in the table" in texts(root)


def test_labels_are_cut_to_their_room():
    assert fitted("short", 200, 14) == "short"
    cut = fitted("x" * 500, 100, 14)
    assert cut.endswith("…")
    assert width(cut, 14) <= 100
    assert width("漢字", 10) > width("ab", 10)
    assert safe("<b>&\"'") == "&lt;b&gt;&amp;&quot;&#x27;"
