"""The header: everything that costs money, and how old what is shown is."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widget import Widget

from benchtui.engine.snapshot import Snapshot, SourceState
from benchtui.tui.glyphs import BAD, BUSY, FAINT, GOOD, WARN, Glyphs
from benchtui.tui.safe_text import safe_text
from benchtui.tui.view import View

if TYPE_CHECKING:
    from benchtui.core.spending import Spending

WIDE = 120
#: Colour of the marks at which a budget is warned of; at the last the run is ended.
_MARKS = {50: WARN, 80: f"bold {WARN}", 100: f"bold {BAD}"}
MEDIUM = 80
CAP_CELLS = 8


class Header(Widget):
    """One line below 120 columns, two from there on."""

    DEFAULT_CSS = """
    Header { height: 1; background: $panel; color: $foreground; padding: 0 1; }
    Header.wide { height: 2; }
    Header:ansi { background: ansi_default; }
    """

    def __init__(self, panes: tuple[tuple[str, str], ...]) -> None:
        super().__init__(id="header")
        self.panes = panes  # name and title, in order of their keys
        self.active = panes[0][0]
        self.view: View | None = None
        self.glyphs = Glyphs()

    def show(self, view: View, active: str, glyphs: Glyphs) -> None:
        """Show ``view``; the ages in it change each second."""
        self.view, self.active, self.glyphs = view, active, glyphs
        self.refresh()

    def on_resize(self) -> None:
        """Two lines where there is room for them."""
        self.set_class(self.app.size.width >= WIDE, "wide")

    def render(self) -> Text:
        """The lines."""
        width = self.size.width
        if self.view is None:
            line = Text("benchtui", style="bold")
            if self.size.height < 2:
                return line
            return Text("\n").join((line, _spread(self._tabs(), Text("starting", style=BUSY), width)))
        if self.size.height < 2:
            return self._narrow(self.view, width)
        first = _spread(self._who(self.view), self._money(self.view), width)
        return Text("\n").join((first, _spread(self._tabs(), self._ages(self.view, full=True), width)))

    def _narrow(self, view: View, width: int) -> Text:
        line = safe_text(view.run or "no run", 60, "bold")
        line.append("  ")
        line.append_text(self._mode(view, short=True))
        spending = view.spending
        if spending is not None:
            held = spending.held_usd
            line.append(f"  ~${_short(spending.spent_usd)}")
            line.append(f"+{_short(held)}/{_short(spending.cap_usd)}", style=_over(spending))
            line.append_text(_mark(spending, short=True))
        for part in (self._ages(view, full=self.app.size.width >= MEDIUM), self._ages(view, full=False)):
            if line.cell_len + part.cell_len + 2 <= width:
                return _spread(line, part, width)
        return _spread(line, Text(), width)

    def _who(self, view: View) -> Text:
        line = Text(f"benchtui {'>' if self.glyphs.ascii else '›'} ", style="bold")
        line.append_text(safe_text(view.run or "no run", 60, "bold"))
        account = view.account
        dots = "..." if self.glyphs.ascii else "…"
        shown = f"{account[:4]}{dots}{account[-4:]}" if account else self.glyphs.unknown
        line.append(f"  acct {shown}  ")
        run = view.live.run if view.live else None
        regions = run.regions if run else view.config.aws.regions
        line.append_text(safe_text(",".join(regions), 40))
        return line

    def _mode(self, view: View, *, short: bool) -> Text:
        if view.read_only:
            return Text("RO" if short else "READ-ONLY", style=f"bold {GOOD}")
        return Text("RW" if short else "READ-WRITE", style="bold")

    def _money(self, view: View) -> Text:
        line = self._mode(view, short=False)
        spending = view.spending
        if spending is None:
            line.append(f"  spent {self.glyphs.unknown}", style=FAINT)
            return line
        # An estimate, as every cost here; and more than that where an instance's end is not known.
        more = (">=" if self.glyphs.ascii else "≥") if spending.unaccounted else "~"
        line.append(f"  spent {more}${_short(spending.spent_usd)}")
        line.append(f" {self.glyphs.separator} held ${_short(spending.held_usd)}")
        line.append(f" {self.glyphs.separator} cap ${_short(spending.cap_usd)} ", style=_over(spending))
        cap = spending.cap_usd
        share = float((spending.spent_usd + spending.held_usd) / cap) if cap else 0.0
        line.append(self.glyphs.bar(share, CAP_CELLS), style=_over(spending))
        line.append_text(_mark(spending, short=False))
        return line

    def _tabs(self) -> Text:
        line = Text()
        for number, (name, title) in enumerate(self.panes, 1):
            style = "bold reverse" if name == self.active else ""
            line.append(f" {number} {title} ", style=style)
            line.append(" ")
        return line

    def _ages(self, view: View, *, full: bool) -> Text:
        """State of the worst source, the age of each, the time."""
        line = Text()
        if view.paused:
            line.append("PAUSED ", style=f"bold {WARN}")
        if view.launching:
            line.append("launching ", style=BUSY)
        line.append_text(_elsewhere(view, full=full))
        if view.live is not None:
            line.append_text(self._sources(view.live, view.now, full=full))
            if full and self.size.height > 1:
                line.append_text(_layers(view.live, view, self.glyphs))
        elif view.problem is not None:
            line.append("no answer", style=BAD)
        elif view.run is None and view.listings is not None:
            line.append("connected", style=GOOD)
        else:
            line.append("connecting..." if self.glyphs.ascii else "connecting…", style=BUSY)
        if full:
            line.append(f" {self.glyphs.separator} {view.now:%H:%M:%SZ}")
        return line

    def _sources(self, snapshot: Snapshot, now: datetime, *, full: bool) -> Text:
        states = [source.state(now) for source in snapshot.sources]
        worst = max(states, key=_badness)
        line = self.glyphs.source(worst)
        if not full:
            line = Text(line.plain[:1], style=line.style)
        for source in snapshot.sources:
            name = source.name if len(snapshot.sources) > 2 else source.name.split(" ")[0]
            age = _age(source.answered_at, now, self.glyphs)
            line.append(" " if not full or line.cell_len < 3 else "  ")
            line.append_text(safe_text(f"{name} {age}", 40, "" if _badness(source.state(now)) < 2 else WARN))
        return line


def _elsewhere(view: View, *, full: bool) -> Text:
    """Live instances beside the run's: what burns unseen. Those nobody looks after come first."""
    from benchtui.engine.accounts import elsewhere  # not needed for the first paint

    if view.sweep is None:
        return Text()
    expired = len(view.sweep.expired(view.now))
    if expired:
        said = f"! {expired} expired: benchtui reap  " if full else f"!{expired} "
        return Text(said, style=f"bold {BAD}")
    found = elsewhere(view.run, view.sweep, view.listings, view.now)
    orphans = sum(each.orphaned is not None for each in found)
    if orphans:
        word = "orphan" if orphans == 1 else "orphans"
        return Text(f"! {orphans} {word}  " if full else f"!{orphans} ", style=f"bold {BAD}")
    return Text(f"+{len(found)} elsewhere  " if full else "", style=WARN) if found else Text()


def _layers(snapshot: Snapshot, view: View, glyphs: Glyphs) -> Text:
    """How many of the layers that end an instance are armed in every region."""
    from benchtui.engine.layers import armed_of, layers  # not needed for the first paint

    if not snapshot.alive:
        return Text()
    armed, of = armed_of(layers(snapshot, view.sweep, view.now))
    return Text(f" {glyphs.separator} layers {armed}/{of}", style="" if armed == of else WARN)


def _badness(state: SourceState) -> int:
    order = (
        SourceState.LIVE,
        SourceState.CONNECTING,
        SourceState.RETRYING,
        SourceState.STALE,
        SourceState.DOWN,
    )
    return order.index(state)


def _age(at: datetime | None, now: datetime, glyphs: Glyphs) -> str:
    if at is None:
        return glyphs.unknown
    passed = max(timedelta(0), now - at)
    seconds = int(passed.total_seconds())
    return f"{seconds}s" if seconds < 120 else f"{seconds // 60}m"


def _short(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _over(spending: Spending) -> str:
    """Colour of what is used of the cap."""
    used = spending.spent_usd + spending.held_usd
    if spending.spent_usd >= spending.cap_usd and spending.cap_usd:
        return f"bold {BAD}"
    return WARN if used > spending.cap_usd else ""


def _mark(spending: Spending, *, short: bool) -> Text:
    """The highest of 50, 80 and 100 % of the cap that is spent; nothing below the first."""
    percent = spending.percent_reached
    if not percent:
        return Text()
    sign = "!" if percent >= 100 else ""
    return Text(f" {sign}{percent}%" if short else f" {sign}{percent} % spent", style=_MARKS[percent])


def _spread(left: Text, right: Text, width: int) -> Text:
    """Both ends of one line; the left one gives way."""
    room = width - right.cell_len - 1
    if left.cell_len > room:
        left.truncate(max(0, room), overflow="ellipsis")
    line = left.copy()
    line.append(" " * max(1, width - left.cell_len - right.cell_len))
    line.append_text(right)
    line.no_wrap = True
    return line
