"""Write a report or an export of the run that is followed; the form is that of the file's ending."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

import benchtui
from benchtui.config.paths import expanded
from benchtui.core.errors import BenchtuiError
from benchtui.engine.packaged import suite_titles
from benchtui.engine.run_records import records_of
from benchtui.report.files import free_name, write_file, write_folder
from benchtui.report.forms import BY_ENDING, WORDS, form_of, make
from benchtui.tui.plan_text import problem_lines
from benchtui.tui.safe_text import safe_text

if TYPE_CHECKING:
    from datetime import datetime

    from benchtui.engine.collector import Collected
    from benchtui.engine.snapshot import Snapshot
    from benchtui.tui.app import BenchtuiApp


class WriteResults(ModalScreen[str | None]):
    """Answers what was written, in words; None: nothing.

    Args:
        collected: what is written.
        snapshot: of the run it is of.
        baseline: type to compare with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    DEFAULT_CSS = """
    WriteResults { align: center middle; }
    WriteResults > Vertical {
        width: 76; max-width: 100%; height: auto; border: round $primary; background: $surface; padding: 0 1;
    }
    WriteResults .row { height: auto; margin-top: 1; }
    WriteResults Button { margin-right: 2; }
    WriteResults #write-says { height: auto; }
    WriteResults > Vertical:ansi { background: ansi_default; }
    """

    def __init__(self, collected: Collected, snapshot: Snapshot, baseline: str | None) -> None:
        super().__init__()
        self.collected, self.snapshot, self.baseline = collected, snapshot, baseline

    def compose(self) -> ComposeResult:
        """A name, what will be written under it, and two buttons."""
        suggested = free_name(Path(f"benchtui-{self.snapshot.run.run}.html"))
        with Vertical() as box:
            box.border_title = "Write a report or an export"
            box.border_subtitle = "enter write - esc back"
            yield Input(str(suggested), id="write-path", compact=True, select_on_focus=False)
            yield Static("", id="write-says", markup=False)
            with Horizontal(classes="row"):
                yield Button("Write", id="write", variant="primary", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        """The name can be changed at once."""
        self.query_one(Input).focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Say what this ending means, and which others there are."""
        try:
            meaning = f"Writes {WORDS[form_of(_path(message.value))]}. Never overwrites."
        except BenchtuiError as problem:
            meaning = problem.what
        others = " ".join(f".{ending}" for ending in BY_ENDING if ending)
        self._say([safe_text(meaning), safe_text(f"By ending: {others}; none: ComputeCompass", 200)])

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Enter writes."""
        self._write()

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """One of the two."""
        if message.button.id == "write":
            self._write()
        else:
            self.dismiss(None)

    def _write(self) -> None:
        name = self.query_one(Input).value.strip()
        if name:
            self.run_worker(self._written(_path(name)), exclusive=True, exit_on_error=False)

    async def _written(self, path: Path) -> None:
        at = self.main.clock()
        try:
            left = await asyncio.to_thread(self._make, path, at)
        except BenchtuiError as problem:
            self._say(problem_lines(problem, self.main.glyphs))
        except (OSError, ValueError) as problem:  # a name that is no path
            self._say(problem_lines(BenchtuiError(f"{path}: {problem}"), self.main.glyphs))
        else:
            more = f"; {left} figures left out, `benchtui export` says why" if left else ""
            self.dismiss(f"written: {path}{more}")

    def _make(self, path: Path, at: datetime) -> int:
        """Write it; returns how much the format does not hold."""
        records = records_of([(self.collected, self.snapshot)])
        made = make(
            form_of(path),
            records,
            at=at,
            version=benchtui.__version__,
            titles=suite_titles(),
            baseline=self.baseline,
        )
        if set(made.files) == {""}:
            write_file(path, made.files[""])
        else:
            write_folder(path, made.files, stale=made.stale)
        return len(made.left_out)

    def _say(self, lines: list[Text]) -> None:
        for line in lines:
            line.no_wrap = False
        self.query_one("#write-says", Static).update(Text("\n").join(lines))

    @property
    def main(self) -> BenchtuiApp:
        """The application, by its own type."""
        return cast("BenchtuiApp", self.app)


def _path(typed: str) -> Path:
    """What was typed, with a leading ``~/`` replaced by the home directory."""
    return expanded(typed, os.environ)
