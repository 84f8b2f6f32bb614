"""Charts as inline SVG, from the same specifications as in the terminal.

An image is drawn for one width in pixels, so that its text stays readable: a page holds one for wide and one
for narrow screens. Colours, dashes and faces are classes of the page's style sheet (page.css); what colour
says is said by shape, pattern or word as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchtui.report.chart_specs import BarChart, Chart, EmptyChart, ScatterChart
from benchtui.report.svg_bars import draw_bars
from benchtui.report.svg_plots import draw_lines, draw_scatter
from benchtui.report.svg_text import element, safe

WIDE, NARROW = 620, 340


def render_svg(spec: Chart, name: str, alternative: str, width: int = WIDE) -> str:
    """The chart as an ``<svg>`` element; empty where there is nothing to draw.

    Args:
        spec: what to show.
        name: prefix of the ids in it, unique on the page; letters, digits and hyphens.
        alternative: what it shows, in words, for who cannot see it.
        width: pixels it is drawn for.
    """
    if isinstance(spec, EmptyChart):
        return ""
    if isinstance(spec, BarChart):
        drawn = draw_bars(spec, name, width)
    elif isinstance(spec, ScatterChart):
        drawn = draw_scatter(spec, width)
    else:
        drawn = draw_lines(spec, width)
    return _framed(drawn, spec.title, name, alternative, width) if drawn[0] else ""


def _framed(drawn: tuple[Sequence[str], float], title: str, name: str, alternative: str, width: int) -> str:
    parts, height = drawn
    head = element("title", safe(title), id=f"{name}-title") + element(
        "desc", safe(alternative, 2_000) or "–", id=f"{name}-desc"
    )
    return element(
        "svg",
        head + "".join(parts),
        viewBox=f"0 0 {width} {height:.0f}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        class_="narrow" if width < WIDE else "wide",
        xmlns="http://www.w3.org/2000/svg",
    )
