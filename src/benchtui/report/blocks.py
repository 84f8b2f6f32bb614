"""What a report is made of, apart from how it is written: HTML, Markdown and text draw the same blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from benchtui.report.chart_specs import Chart


class Tone(StrEnum):
    """What a piece of text means, for colour and weight beside its words."""

    PLAIN = ""
    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    BASELINE = "baseline"
    WEAK = "weak"  # not ranked, unknown
    ALARM = "alarm"


#: The sign that stands before a word of this tone.
SIGNS = {
    Tone.BETTER: "▲",
    Tone.WORSE: "▼",
    Tone.EQUIVALENT: "=",
    Tone.INCONCLUSIVE: "?",
    Tone.BASELINE: "◆",
    Tone.WEAK: "○",
    Tone.ALARM: "!",
}


@dataclass(frozen=True, slots=True)
class Datum:
    """A cell of a table."""

    text: str
    sort: float | str | None = None  # what it is sorted by; None: it is not known, and comes last
    tone: Tone = Tone.PLAIN
    signed: bool = False  # with its tone's sign


@dataclass(frozen=True, slots=True)
class Heading:
    """A column of a table."""

    text: str
    numeric: bool = False
    code: bool = False  # ids and digests
    words: bool = False  # sentences, which need room


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with a name in the first column.

    Raises:
        ValueError: a row has more or fewer cells than there are columns.
    """

    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Datum, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.headings) for row in self.rows):
            raise ValueError(f"table {self.caption!r}: a row is not as long as its head")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with values."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One statement of a card."""

    subject: str
    value: str
    words: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Card:
    """An answer: a question's name and a statement per type."""

    heading: str
    detail: str
    lines: tuple[Line, ...]
    more: int = 0  # statements that stand in the table only
    foot: str = ""


@dataclass(frozen=True, slots=True)
class Cards:
    """Answers side by side."""

    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with what it says in words, what it stands on, and its numbers as a table."""

    name: str  # unique in a report; letters, digits and hyphens
    chart: Chart
    alternative: str
    reading: str  # how to read its marks
    origin: str  # n, interval, price, region, AMI, versions, runs
    table: Table
    folded: bool = False  # the table is long: shown on demand


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks that are shown on demand."""

    summary: str
    blocks: tuple[Block, ...]


Block = Paragraph | Bullets | Facts | Cards | Figure | Table | Folded


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report."""

    name: str  # for links; letters, digits and hyphens
    heading: str
    blocks: tuple[Block, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    made: str  # by which version, when
