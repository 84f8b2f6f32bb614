"""The life of the application: a first paint at once, everything slow after it, a flush once a second."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.notifications import SeverityLevel
from textual.widgets import ContentSwitcher, Static

from benchtui.core.errors import BenchtuiError
from benchtui.core.text import clean_line
from benchtui.engine.snapshot import Snapshot
from benchtui.engine.updates import Spent
from benchtui.tui import actions, clipboard, terminal
from benchtui.tui.driver import TerminalDriver
from benchtui.tui.glyphs import Glyphs
from benchtui.tui.panes import TABS
from benchtui.tui.start import PLAIN, EngineTold, Look, Prepare, Start
from benchtui.tui.told import Told
from benchtui.tui.widgets.footer import KeyFooter
from benchtui.tui.widgets.header import Header
from benchtui.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from benchtui.engine.updates import Update
    from benchtui.tui.view import View

FLUSH_SECONDS = 1.0
#: Between two paintings of a run, however often it is asked for.
SHORTEST_SECONDS = 0.1
#: How long the engine's thread may hold the interpreter while a key waits; Python's own is 5 ms.
SWITCH_SECONDS = 0.0005


class Shell(App[str], inherit_bindings=False):
    """Header, panes and footer; what they can do stands in `app.BenchtuiApp`.

    Returns what was chosen on leaving: "leave", "error" (see ``failure``) or a signal's name.

    Args:
        start: what it starts with, or what makes that: called once the frame is painted.
        look: of the first paint.
        clock: the time, UTC.
    """

    TITLE = "benchtui"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "f12"  # the registry's own keys open it
    AUTO_FOCUS = None
    ALLOW_SELECT = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-medium"), (120, "-wide")]  # noqa: RUF012  (Textual's own form)
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]  # noqa: RUF012

    started: Start  # these four from the moment it is furnished
    told: Told
    view: View
    panes: tuple[Pane, ...] = ()

    def __init__(
        self,
        start: Start | Prepare,
        look: Look = PLAIN,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        # Said at once: Textual chooses how to take colours away before it knows the theme.
        super().__init__(driver_class=TerminalDriver, ansi_color=_own_colours(look))
        self._start, self.look, self.clock = start, look, clock
        self.glyphs = Glyphs(look.ascii)
        self.failure: BenchtuiError | None = None
        self._flushed_at = 0.0
        self._painting_soon = False
        self.animation_level = "none"
        if isinstance(start, Start):
            self._take(start)

    def compose(self) -> ComposeResult:
        """Header, the pane in front, footer."""
        yield Header(TABS)
        with ContentSwitcher(initial="starting", id="panes"):
            yield Static("", id="starting", classes="framed")
        yield KeyFooter()

    async def on_mount(self) -> None:
        """Look, signals, the first second's flush; everything slow comes once this is painted."""
        self.theme = self.look.theme
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        self.set_interval(FLUSH_SECONDS, self._tick)
        if isinstance(self._start, Start):
            await self._furnish()
        else:
            self.call_after_refresh(self.run_worker, self._prepared(self._start), exit_on_error=True)

    async def _prepared(self, prepare: Prepare) -> None:
        """Read the configuration and import the panes, in a thread; then furnish."""

        def all_that_is_slow() -> Start:
            import benchtui.tui.furniture  # noqa: F401

            return prepare()

        try:
            self._take(await asyncio.to_thread(all_that_is_slow))
        except BenchtuiError as problem:
            self.failure = problem
            self.exit("error")
            return
        await self._furnish()

    def _take(self, start: Start) -> None:
        self.started, self.engine, self.look = start, start.engine, start.look
        self.config_file, self.state_dir = start.config_file, start.state_dir
        self.glyphs = Glyphs(start.look.ascii)
        self.told = Told(start.config, start.flags, start.read_only, start.look.ascii)
        self.told.run = start.run
        self.view = self.told.view(self.clock())

    async def _furnish(self) -> None:
        """Put the panes in, and let the engine begin."""
        from benchtui.tui.furniture import PANES

        self.theme, self.ansi_color = self.look.theme, _own_colours(self.look)
        self.set_keymap(self.look.keys)
        panes = tuple(pane() for pane in PANES)
        switcher = self.screen_stack[0].query_one("#panes", ContentSwitcher)
        for pane in panes:
            pane.display = False
        await switcher.mount_all(panes)
        await self.screen_stack[0].query_one("#starting").remove()
        self.panes = panes  # only now: the second's flush looks for the one in front as soon as there are any
        self.show_pane(panes[0].PANE)
        self.refresh_bindings()
        gc.freeze()  # what is loaded by now stays: no collection has to walk it while a key waits
        sys.setswitchinterval(SWITCH_SECONDS)
        self.call_after_refresh(self._begin)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing but leaving before the panes are there."""
        return bool(self.panes) or action == "quit" or None

    def _begin(self) -> None:
        self.engine.start(self._deliver)
        if self.started.run is not None:
            self.adopt(self.started.run)

    def adopt(self, run: str) -> None:
        """Follow a run of the bucket."""
        raise NotImplementedError

    def _deliver(self, update: Update) -> None:
        self.post_message(EngineTold(update))  # from the engine's thread

    def on_engine_told(self, message: EngineTold) -> None:
        """Absorb it and paint: a run that was just heard at once, all else at most once a second."""
        entry = self.told.hear(message.update, self.clock())
        if entry is not None and entry.severity == "error":
            self._toast(entry.text, "error")
        since = time.monotonic() - self._flushed_at
        if isinstance(message.update, Snapshot):  # once a poll; what happened in it was told just before
            self._paint_soon(SHORTEST_SECONDS - since)
        elif since >= FLUSH_SECONDS and not isinstance(message.update, Spent):  # which a snapshot follows
            self.flush()

    def _paint_soon(self, seconds: float) -> None:
        if seconds <= 0:
            self.flush()
        elif not self._painting_soon:
            self._painting_soon = True
            self.set_timer(seconds, self._paint)

    def _paint(self) -> None:
        self._painting_soon = False
        if self.is_running:
            self.flush()

    def _tick(self) -> None:
        if not self.is_running:
            return
        if terminal.lost():
            self._signalled(signal.SIGHUP)
            return
        if self.panes and time.monotonic() - self._flushed_at >= FLUSH_SECONDS * 0.9:
            self.flush()

    def flush(self) -> None:
        """Show what has been told."""
        self._flushed_at = time.monotonic()
        self.view = self.told.view(self.clock())
        base = self.screen_stack[0]
        base.query_one(Header).show(self.view, self.front.PANE, self.glyphs)
        self.front.show(self.view)
        for screen in self.screen_stack[1:]:
            show = getattr(screen, "show_view", None)
            if show is not None and screen.is_mounted:  # neither before it has its parts nor after
                show(self.view)

    @property
    def front(self) -> Pane:
        """The pane in front."""
        current = self.screen_stack[0].query_one("#panes", ContentSwitcher).current
        return next(pane for pane in self.panes if current == pane.PANE)

    def show_pane(self, name: str) -> None:
        """Bring a pane to the front."""
        self.screen_stack[0].query_one("#panes", ContentSwitcher).current = name
        self.flush()
        if self.screen is self.screen_stack[0]:
            self.front.first_focus().focus()

    def note(self, text: str, severity: SeverityLevel = "information", command: str = "") -> None:
        """A toast, which vanishes, and the same as a line of the Events pane, which stays."""
        self.told.events.add(self.clock(), "benchtui", text, severity, command)
        self._toast(text, severity)

    def _toast(self, text: str, severity: SeverityLevel) -> None:
        self.notify(clean_line(text, 300), severity=severity, markup=False)

    def copy(self, text: str, what: str) -> None:
        """To the terminal's clipboard, and to a file for terminals that refuse (tmux, screen)."""
        self.copy_to_clipboard(text)
        self.note(*clipboard.keep(text, what, self.state_dir))

    def _signalled(self, number: int) -> None:
        self.exit(signal.Signals(number).name, return_code=128 + number)

    def get_key_display(self, binding: Binding) -> str:
        """``^k`` for ctrl+k, ``?`` for question_mark."""
        return actions.footer_key(binding.key, ascii_only=self.look.ascii)


def _own_colours(look: Look) -> bool | None:
    """Whether the terminal's own 16 colours are used; None: as the theme says."""
    return True if look.theme.startswith("ansi") else None
