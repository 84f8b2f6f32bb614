"""Where to save the plan: the file it came from, or a new one."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from benchtui.config.paths import expanded
from benchtui.core.errors import BenchtuiError
from benchtui.tui.plan_text import problem_lines
from benchtui.tui.safe_text import safe_text

if TYPE_CHECKING:
    from benchtui.tui.app import BenchtuiApp


class SavePlan(ModalScreen[Path | None]):
    """Answers the file that was written; None: none.

    Args:
        suggested: the file it came from, or a name for a new one.
        loaded_from: the file it came from.
        write: writes to a path, or raises a BenchtuiError.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    DEFAULT_CSS = """
    SavePlan { align: center middle; }
    SavePlan > Vertical {
        width: 76; max-width: 100%; height: auto; border: round $primary; background: $surface; padding: 0 1;
    }
    SavePlan .row { height: auto; margin-top: 1; }
    SavePlan Button { margin-right: 2; }
    SavePlan #save-says { height: auto; }
    SavePlan > Vertical:ansi { background: ansi_default; }
    """

    def __init__(
        self, suggested: Path, loaded_from: Path | None, write: Callable[[Path], Awaitable[Path]]
    ) -> None:
        super().__init__()
        self.suggested, self.loaded_from = suggested, loaded_from
        self._write = write

    def compose(self) -> ComposeResult:
        """A name, what will become of that file, and two buttons."""
        with Vertical() as box:
            box.border_title = "Save the plan as TOML"
            box.border_subtitle = "enter save - esc back"
            yield Input(str(self.suggested), id="save-path", compact=True, select_on_focus=False)
            yield Static("", id="save-says", markup=False)
            with Horizontal(classes="row"):
                yield Button("Save", id="save", variant="primary", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        """The name can be changed at once."""
        self.query_one(Input).focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Say what saving under this name means."""
        self._say([safe_text(self._meaning(_path(message.value)), 300)])

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Enter saves."""
        self._save()

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """One of the two."""
        if message.button.id == "save":
            self._save()
        else:
            self.dismiss(None)

    def _meaning(self, path: Path) -> str:
        if self.loaded_from is not None and path == self.loaded_from:
            return "Only the values edited here change; comments and all else stay as they are."
        if self.loaded_from is not None:
            return f"A new file: {self.loaded_from.name} with the values of this form. Never overwrites."
        return "A new file with this plan. Never overwrites."

    def _save(self) -> None:
        name = self.query_one(Input).value.strip()
        if name:
            self.run_worker(self._written(_path(name)), exclusive=True, exit_on_error=False)

    async def _written(self, path: Path) -> None:
        try:
            self.dismiss(await self._write(path))
        except BenchtuiError as problem:
            self._say(problem_lines(problem, self.main.glyphs))
        except (OSError, ValueError) as problem:  # a name that is no path
            self._say(problem_lines(BenchtuiError(f"{path}: {problem}"), self.main.glyphs))

    def _say(self, lines: list[Text]) -> None:
        for line in lines:
            line.no_wrap = False
        self.query_one("#save-says", Static).update(Text("\n").join(lines))

    @property
    def main(self) -> BenchtuiApp:
        """The application, by its own type."""
        return cast("BenchtuiApp", self.app)


def _path(typed: str) -> Path:
    """What was typed, with a leading ``~/`` replaced by the home directory."""
    return expanded(typed, os.environ)
