"""The run switcher: any run of the bucket, whoever launched it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from benchtui.tui.safe_text import safe_text

if TYPE_CHECKING:
    from benchtui.engine.runs import RunListing


class RunsScreen(ModalScreen[str | None]):
    """Type to narrow the list down; enter takes the first, or the one the cursor is on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
    ]

    DEFAULT_CSS = """
    RunsScreen { align: center middle; }
    RunsScreen > Vertical {
        width: 90%; max-width: 90; height: 80%; border: round $primary; background: $surface; padding: 0 1;
    }
    RunsScreen OptionList { height: 1fr; text-wrap: nowrap; text-overflow: ellipsis; border: none; }
    RunsScreen OptionList:focus { border: none; }
    RunsScreen Input, RunsScreen Input:focus { border: none; height: 1; padding: 0; }
    """

    def __init__(self, listings: tuple[RunListing, ...] | None, followed: str | None) -> None:
        super().__init__()
        self.listings, self.followed = listings, followed
        self._found: list[RunListing] = []

    def compose(self) -> ComposeResult:
        """A field and what matches it."""
        with Vertical() as box:
            box.border_title = "Follow a run"
            box.border_subtitle = "enter follow · esc back"
            yield Input(placeholder="part of a run's id, name or type", id="runs-filter")
            yield Static("", id="runs-empty", markup=False)
            yield OptionList(id="runs-list", markup=False)

    def on_mount(self) -> None:
        """All of them at first."""
        self._narrow("")
        self.query_one(Input).focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Narrow down as it is typed."""
        self._narrow(message.value)

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Take the one the cursor is on."""
        index = self.query_one(OptionList).highlighted
        if index is not None:
            self.dismiss(self._found[index].run)

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Enter in the list, or a click."""
        self.dismiss(self._found[message.option_index].run)

    def action_move(self, step: int) -> None:
        """The cursor of the list moves while the field has the focus."""
        runs = self.query_one(OptionList)
        if step > 0:
            runs.action_cursor_down()
        else:
            runs.action_cursor_up()

    def _narrow(self, typed: str) -> None:
        words = typed.lower().split()
        self._found = [
            listing for listing in self.listings or () if all(word in _haystack(listing) for word in words)
        ]
        runs = self.query_one(OptionList)
        runs.clear_options()
        runs.add_options([Option(safe_text(_line(listing, self.followed), 200)) for listing in self._found])
        if self._found:
            runs.highlighted = 0
        self.query_one("#runs-empty", Static).update(self._emptiness())

    def _emptiness(self) -> str:
        if self.listings is None:
            return "The bucket has not answered yet."
        if not self.listings:
            return "The bucket holds no run yet. Launch one with 2."
        return f"{len(self._found)} of {len(self.listings)}"


def _haystack(listing: RunListing) -> str:
    document = listing.document
    types = " ".join(job.instance_type for job in document.jobs) if document else ""
    return f"{listing.run} {document.name if document else ''} {types}".lower()


def _line(listing: RunListing, followed: str | None) -> str:
    document = listing.document
    if document is None:
        return f"  {listing.run}  {listing.problem or 'run.json is not there'}"
    types = " ".join(dict.fromkeys(job.instance_type for job in document.jobs))
    sign = "*" if listing.run == followed else " "
    return f"{sign} {listing.run}  {len(document.jobs):>3} jobs  {document.name}  {types}"
