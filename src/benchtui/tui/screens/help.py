"""The help screen: every key of this pane and of all, what it does, and the command that does the same."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from benchtui.tui import actions
from benchtui.tui.actions import Action, Danger
from benchtui.tui.glyphs import BAD, FAINT, WARN

_DANGER = {Danger.CONFIRM: Text("asks first", style=WARN), Danger.TYPE: Text("a word to type", style=BAD)}
MOVING = "j k g G or the arrows move; esc goes back; tab goes to the next field."


class HelpScreen(ModalScreen[None]):
    """Made from the action registry, so it cannot be out of date."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "dismiss", "Back"),
        Binding("j", "scroll('down')", show=False),
        Binding("k", "scroll('up')", show=False),
    ]

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 90%; max-width: 116; height: auto; max-height: 90%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    """

    def __init__(self, pane: str, title: str) -> None:
        super().__init__()
        self.pane, self.pane_title = pane, title

    def compose(self) -> ComposeResult:
        """The keys of the pane first, those of the application below."""
        with VerticalScroll() as box:
            box.border_title = "Keys and what they do without this screen"
            box.border_subtitle = "esc back"
            yield Static(Text(self.pane_title, style="bold"))
            yield Static(_table(actions.of(self.pane)))
            yield Static(Text(f"Everywhere. {MOVING}", style="bold"))
            yield Static(_table(actions.of("app")))
            yield Static(
                Text(
                    "Other keys: [tui.keys] of the configuration, by the names in README, for example "
                    '"jobs.logs" = "L".',
                    style=FAINT,
                )
            )

    def action_scroll(self, direction: str) -> None:
        """One line."""
        box = self.query_one(VerticalScroll)
        if direction == "down":
            box.scroll_down(animate=False)
        else:
            box.scroll_up(animate=False)


def _table(rows: tuple[Action, ...]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, min_width=9)
    table.add_column(ratio=3)
    table.add_column(ratio=3)
    table.add_column(ratio=1)
    for action in rows:
        keys = " ".join(actions.shown_key(key) for key in action.keys.split(","))
        table.add_row(
            Text(keys, style="bold"),
            Text(action.tooltip),
            Text(action.headless, style=FAINT),
            _DANGER.get(action.danger, Text("")),
        )
    if not rows:
        table.add_row(Text(""), Text("no keys of its own"), Text(""), Text(""))
    return table
