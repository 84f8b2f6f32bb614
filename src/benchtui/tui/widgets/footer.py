"""The footer: what can be done here, the most important first and last where there is no room for all."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.binding import ActiveBinding, Binding
from textual.events import Click
from textual.screen import Screen
from textual.widget import Widget

#: Kept when everything else has to go: how to end what costs money, how to find the rest, how to leave.
_KEPT = ("app.kill", "app.command_palette", "app.help", "app.quit")


class KeyFooter(Widget):
    """One line made from the bindings that work at this moment."""

    DEFAULT_CSS = """
    KeyFooter { dock: bottom; height: 1; background: $panel; color: $foreground; padding: 0 1; }
    KeyFooter:ansi { background: ansi_default; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, str]] = []  # begin, end, key

    def on_mount(self) -> None:
        """Anew whenever other bindings work."""
        self.screen.bindings_updated_signal.subscribe(self, self._again)

    def _again(self, _: Screen[object]) -> None:
        self.refresh()

    def render(self) -> Text:
        """Keys and words."""
        # An action with several keys is active once for each: the first is enough.
        of_action = {each.binding.id or each.binding.action: each for each in reversed(self._active())}
        active = list(reversed(of_action.values()))
        line = Text(no_wrap=True, end="")
        self._places = []
        for number in self._fitting([each.binding for each in active]):
            binding, enabled = active[number].binding, active[number].enabled
            begin, faint = line.cell_len, "" if enabled else "dim"
            line.append(self._key(binding), f"bold yellow {faint}")
            line.append(f" {binding.description}", faint)
            self._places.append((begin, line.cell_len, binding.key))
            line.append("  ")
        return line

    def on_click(self, event: Click) -> None:
        """A click on a word presses its key."""
        at = event.get_content_offset(self)
        for begin, end, key in self._places:
            if at is not None and begin <= at.x < end:
                self.app.simulate_key(key)

    def _active(self) -> list[ActiveBinding]:
        return [each for each in self.screen.active_bindings.values() if each.binding.show]

    def _key(self, binding: Binding) -> str:
        return self.app.get_key_display(binding)

    def _fitting(self, bindings: list[Binding]) -> list[int]:
        """Numbers of the bindings that fit: those that are always kept, then the others in their order."""
        cells = [cell_len(self._key(binding)) + cell_len(binding.description) + 3 for binding in bindings]
        kept = [number for number, binding in enumerate(bindings) if binding.id in _KEPT]
        room = self.size.width + 2 - sum(cells[number] for number in kept)
        first = []
        for number in range(len(bindings)):
            if number in kept:
                continue
            if cells[number] > room:
                break
            room -= cells[number]
            first.append(number)
        return first + kept
