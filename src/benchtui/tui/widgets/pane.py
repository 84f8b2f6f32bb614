"""A pane: one tab of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import Vertical
from textual.widget import Widget

from benchtui.tui.glyphs import Glyphs
from benchtui.tui.view import View

if TYPE_CHECKING:
    from benchtui.tui.app import BenchtuiApp


class Pane(Vertical, can_focus=True):
    """Shows views. Computes nothing that a headless command could not tell as well."""

    PANE: ClassVar[str]
    TITLE: ClassVar[str]

    DEFAULT_CSS = """
    Pane { height: 1fr; }
    Pane:focus { border: none; }
    """

    def __init__(self) -> None:
        super().__init__(id=self.PANE)

    def show(self, view: View) -> None:
        """Show ``view``: called at most once a second, and when the pane comes to the front.

        What has not changed is not written again.
        """
        raise NotImplementedError

    def first_focus(self) -> Widget:
        """What has the focus when the pane comes to the front."""
        return self

    def marked_jobs(self) -> tuple[str, ...]:
        """Jobs marked here: what a kill begins with; without a mark it begins with the run."""
        return ()

    def selected_jobs(self) -> tuple[str, ...]:
        """Jobs marked here, or under the cursor."""
        return ()

    @property
    def main(self) -> BenchtuiApp:
        """The application, by its own type."""
        return cast("BenchtuiApp", self.app)

    @property
    def glyphs(self) -> Glyphs:
        """The signs to use."""
        return self.main.glyphs
