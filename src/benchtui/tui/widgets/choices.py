"""One or several of a few options, told by a mark and not by colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

GAP = 2  # cells between options side by side


class Choices(Widget, can_focus=True):
    """``[x] stream`` below each other for several, ``(x) quick  ( ) full`` side by side for one.

    Args:
        many: whether several can be chosen, or none.
        options: name and what is shown of each.
        chosen: names.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,left", "move(-1)", show=False),
        Binding("down,right", "move(1)", show=False),
        Binding("space,enter", "choose", show=False),
    ]
    DEFAULT_CSS = """
    Choices { width: 1fr; height: auto; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    class Changed(Message):
        """Others are chosen now."""

        def __init__(self, choices: Choices) -> None:
            super().__init__()
            self.choices = choices

        @property
        def control(self) -> Choices:
            """The widget."""
            return self.choices

    def __init__(
        self,
        *,
        many: bool,
        options: Sequence[tuple[str, Text]] = (),
        chosen: Sequence[str] = (),
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.many = many
        self.options = tuple(options)
        self.chosen = tuple(chosen)
        self.cursor = 0

    def offer(self, options: Sequence[tuple[str, Text]], chosen: Sequence[str]) -> None:
        """Offer other options; tells nobody."""
        self.options, self.chosen, self.cursor = tuple(options), tuple(chosen), 0
        self.refresh(layout=True)

    def action_move(self, by: int) -> None:
        """To the next option; where one alone can be chosen, it is."""
        self.cursor = max(0, min(len(self.options) - 1, self.cursor + by))
        if not self.many:
            self.action_choose()
        self.refresh()

    def action_choose(self) -> None:
        """Choose the option under the cursor; of several, also leave it out again."""
        if not self.options:
            return
        name = self.options[self.cursor][0]
        before = self.chosen
        if not self.many:
            self.chosen = (name,)
        elif name in before:
            self.chosen = tuple(other for other in before if other != name)
        else:
            self.chosen = (*before, name)
        self.refresh()
        if self.chosen != before:
            self.post_message(self.Changed(self))

    def on_focus(self) -> None:
        """The cursor of a single choice is where the choice is."""
        names = [name for name, _ in self.options]
        if not self.many and self.chosen and self.chosen[0] in names:
            self.cursor = names.index(self.chosen[0])

    def on_click(self, event: events.Click) -> None:
        """Choose what is under the mouse."""
        at = event.y if self.many else self._beside(event.x)
        if 0 <= at < len(self.options):
            self.cursor = at
            self.action_choose()

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as there is room."""
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A line for each of several; one line for one."""
        return max(1, len(self.options)) if self.many else 1

    def render(self) -> Text:
        """The options with their marks."""
        parts = [self._option(number) for number in range(len(self.options))]
        shown = Text("\n" if self.many else " " * GAP).join(parts)
        shown.no_wrap = True
        shown.overflow = "ellipsis"
        return shown

    def _option(self, number: int) -> Text:
        name, label = self.options[number]
        left, right = "[]" if self.many else "()"
        line = Text(f"{left}{'x' if name in self.chosen else ' '}{right} ", end="")
        line.append_text(label)
        if self.has_focus and number == self.cursor:
            line.stylize("reverse")
        elif name in self.chosen:
            line.stylize("bold")
        return line

    def _beside(self, x: int) -> int:
        """Which of the options side by side stands at column ``x``; -1: none."""
        start = 0
        for number in range(len(self.options)):
            width = self._option(number).cell_len
            if start <= x < start + width:
                return number
            start += width + GAP
        return -1
