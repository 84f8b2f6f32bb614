"""Leaving while instances live: they can be left to their own end, or be ended now."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from benchtui.engine.farewell import living
from benchtui.tui.glyphs import BAD, FAINT, WARN
from benchtui.tui.safe_text import safe_text
from benchtui.tui.view import View

if TYPE_CHECKING:
    from benchtui.tui.app import BenchtuiApp


class QuitScreen(ModalScreen[str | None]):
    """Answers "leave", "kill", or None to stay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Stay"),
        Binding("l", "dismiss('leave')", "Leave"),
        Binding("k", "dismiss('kill')", "Kill…"),
        Binding("right,down", "app.focus_next", show=False),
        Binding("left,up", "app.focus_previous", show=False),
    ]

    DEFAULT_CSS = """
    QuitScreen { align: center middle; }
    QuitScreen > Vertical {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        border: round $warning; background: $surface; padding: 0 1;
    }
    QuitScreen #quit-says { height: auto; margin-bottom: 1; }
    QuitScreen Horizontal { height: auto; align-horizontal: center; }
    QuitScreen Button { margin: 0 1; min-width: 10; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: Text | None = None

    def compose(self) -> ComposeResult:
        """What is at stake, and the three ways on; staying has the focus."""
        with Vertical() as box:
            box.border_title = "Quit"
            box.border_subtitle = "l leave - k kill - esc stay"
            yield Static("", id="quit-says", markup=False)
            with Horizontal():
                yield Button(Content("[ Cancel ]"), id="cancel", compact=True)
                yield Button(Content("[ Leave them ]"), id="leave", compact=True)
                yield Button(Content("[ Kill… ]"), id="kill", variant="error", compact=True)

    def on_mount(self) -> None:
        """Nothing happens by an enter too many."""
        app = cast("BenchtuiApp", self.app)
        if app.glyphs.ascii:
            self.query_one("#kill", Button).label = Content("[ Kill... ]")
        self.show_view(app.view)
        self.query_one("#cancel", Button).focus()

    def show_view(self, view: View) -> None:
        """Say what is alive now."""
        said = stakes(view)
        if said != self._said:
            self._said = said
            self.query_one("#quit-says", Static).update(said)

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """One of the three."""
        self.dismiss(None if message.button.id == "cancel" else message.button.id)


def stakes(view: View) -> Text:
    """What goes on when the application is left."""
    found = living(view.run, view.live, view.sweep, view.now)
    lines: list[Text] = []
    if found.run:
        alive = "1 instance is" if found.run == 1 else f"{found.run} instances are"
        lines.append(safe_text(f"{alive} alive in {view.run}.", style=f"bold {WARN}"))
        lines.append(Text(_end(found.ends_by, view.now)))
    elif not found.known and view.run is not None:
        lines.append(safe_text(f"Whether {view.run} has live instances is not known.", style=WARN))
    if found.overdue:
        lines.append(Text(f"{found.overdue} of them should have ended already: kill them.", style=BAD))
    if found.others:
        lines.append(
            Text(f"{found.others} more of other runs; leaving changes nothing for them.", style=FAINT)
        )
    if view.launching:
        lines.append(Text("A launch is under way: leaving stops it, what runs goes on.", style=WARN))
    if any(not kill.done for kill in view.kills):
        lines.append(Text("A kill is under way: it goes on until it is proven.", style=WARN))
    lines.append(safe_text(f"Later: benchtui watch {view.run or 'RUN'}{view.flags}", style=FAINT))
    return Text("\n").join(lines)


def _end(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "Left alone they end by themselves; when is not known of each."
    minutes = max(0, round((at - now).total_seconds() / 60))
    hours, rest = divmod(minutes, 60)
    wait = f"{hours}h{rest:02}m" if hours else f"{rest}m"
    return f"Left alone the last one ends by itself at {at:%H:%M:%SZ}, in {wait}, whoever looks."
