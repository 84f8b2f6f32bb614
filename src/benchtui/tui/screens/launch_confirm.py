"""The question before a launch: it names the worst case, and only typing that amount launches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from benchtui.tui.glyphs import WARN

if TYPE_CHECKING:
    from benchtui.tui.app import BenchtuiApp


class LaunchConfirm(ModalScreen[bool]):
    """Answers whether to launch.

    Args:
        lines: what would be launched.
        token: what has to be typed: the worst case as shown, ``0.71``.
        jobs: how many instances it would be.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Cancel"),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]

    DEFAULT_CSS = """
    LaunchConfirm { align: center middle; }
    LaunchConfirm > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 100%;
        border: round $warning; background: $surface; padding: 0 1;
    }
    LaunchConfirm VerticalScroll { height: auto; max-height: 50vh; }
    LaunchConfirm .row { height: auto; margin-top: 1; }
    LaunchConfirm .label { width: auto; }
    LaunchConfirm Input { width: 16; margin-left: 1; }
    LaunchConfirm Button { margin-right: 2; }
    LaunchConfirm > Vertical:ansi { background: ansi_default; }
    """

    def __init__(self, lines: Sequence[Text], token: str, jobs: int) -> None:
        super().__init__()
        self.lines, self.token, self.jobs = lines, token, jobs

    def compose(self) -> ComposeResult:
        """What it costs at most, the amount to type, and two buttons; Cancel has the focus."""
        with Vertical() as box:
            box.border_title = "Launch"
            with VerticalScroll(can_focus=False):
                yield Static(Text("\n").join(self.lines), markup=False)
            with Horizontal(classes="row"):
                ask = Text.assemble("Type the worst case to launch: ", (self.token, f"bold {WARN}"))
                yield Static(ask, classes="label", markup=False)
                yield Input(
                    id="token", placeholder="_" * len(self.token), compact=True, select_on_focus=False
                )
            with Horizontal(classes="row"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(
                    f"Launch {self.jobs}", id="launch", variant="warning", compact=True, disabled=True
                )

    def on_mount(self) -> None:
        """Nothing happens by an enter too many."""
        self.query_one("#cancel").focus()

    @property
    def matches(self) -> bool:
        """Whether what was typed is the amount."""
        return self.query_one(Input).value.strip().removeprefix("$") == self.token

    def on_key(self, event: events.Key) -> None:
        """Typing goes into the field, wherever the focus is."""
        field = self.query_one(Input)
        if self.focused is not field and event.character and event.character in "0123456789.$":
            field.focus()
            field.insert_text_at_cursor(event.character)
            event.stop()

    def on_input_changed(self, _: Input.Changed) -> None:
        """The button wakes up when the amount is right."""
        self.query_one("#launch", Button).disabled = not self.matches

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter launches once the amount is right, and does nothing before."""
        message.stop()
        if self.matches:
            self.dismiss(True)

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """One of the two."""
        self.dismiss(message.button.id == "launch" and self.matches)

    @property
    def main(self) -> BenchtuiApp:
        """The application, by its own type."""
        return cast("BenchtuiApp", self.app)
