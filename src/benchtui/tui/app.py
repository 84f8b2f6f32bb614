"""The application: panes over one engine, a flush once a second, and a way out that hides nothing."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer

from benchtui.core.errors import BenchtuiError
from benchtui.core.text import clean_line
from benchtui.engine.kill_scope import KillScope
from benchtui.engine.operations import Update
from benchtui.tui import actions, terminal
from benchtui.tui.glyphs import Glyphs
from benchtui.tui.link import EngineLink
from benchtui.tui.panes.compare import ComparePane
from benchtui.tui.panes.cost import CostPane
from benchtui.tui.panes.events import EventsPane
from benchtui.tui.panes.history import HistoryPane
from benchtui.tui.panes.jobs import JobsPane
from benchtui.tui.panes.launch import LaunchPane
from benchtui.tui.screens.help import HelpScreen
from benchtui.tui.screens.kill import KillScreen
from benchtui.tui.screens.quit import QuitScreen
from benchtui.tui.screens.runs import RunsScreen
from benchtui.tui.start import PLAIN, EngineTold, Look, Start
from benchtui.tui.told import Told
from benchtui.tui.view import View
from benchtui.tui.widgets.header import Header
from benchtui.tui.widgets.pane import Pane

FLUSH_SECONDS = 1.0
PANES: tuple[type[Pane], ...] = (JobsPane, LaunchPane, CostPane, ComparePane, HistoryPane, EventsPane)


class BenchtuiApp(App[str], inherit_bindings=False):
    """Panes, header and footer. Returns what was chosen on leaving: "leave", "kill" or a signal's name."""

    TITLE = "benchtui"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "f12"  # the registry's own keys open it
    AUTO_FOCUS = None
    ALLOW_SELECT = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-medium"), (120, "-wide")]  # noqa: RUF012  (Textual's own form)
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings("app")

    def __init__(
        self,
        engine: EngineLink,
        start: Start,
        look: Look = PLAIN,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__()
        self.engine, self.started_with, self.look, self.clock = engine, start, look, clock
        self.config_file, self.state_dir = start.config_file, start.state_dir
        self.glyphs = Glyphs(look.ascii)
        self.told = Told(start.config, start.flags, start.read_only, look.ascii)
        self.told.run = start.run
        self.view: View = self.told.view(clock())
        self._flushed_at = 0.0
        self.animation_level = "none"

    def compose(self) -> ComposeResult:
        """Header, the pane in front, footer."""
        yield Header(tuple((pane.PANE, pane.TITLE) for pane in PANES))
        with ContentSwitcher(initial=PANES[0].PANE, id="panes"):
            for pane in PANES:
                yield pane()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Look, signals, and the first second's flush; the engine starts once this is painted."""
        self.theme = self.look.theme
        self.set_keymap(self.look.keys)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled, number)
        self.set_interval(FLUSH_SECONDS, self._tick)
        self.flush()
        self.front.first_focus().focus()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.engine.start(self._deliver)
        if self.started_with.run is not None:
            self.adopt(self.started_with.run)

    def _deliver(self, update: Update) -> None:
        self.post_message(EngineTold(update))  # from the engine's thread

    def on_engine_told(self, message: EngineTold) -> None:
        """Absorb it; paint soon, but not more often than once a second."""
        entry = self.told.hear(message.update, self.clock())
        if entry is not None and entry.severity == "error":
            self._toast(entry.text, "error")
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    def _tick(self) -> None:
        if terminal.lost():
            self._signalled(signal.SIGHUP)
            return
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS * 0.9:
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
            if show is not None:
                show(self.view)

    @property
    def front(self) -> Pane:
        """The pane in front."""
        base = self.screen_stack[0]
        return base.query_one(f"#{base.query_one('#panes', ContentSwitcher).current}", Pane)

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
        file = self.state_dir / "copied.txt"
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            self.note(f"copied {what}; {file} cannot be written: {error.strerror}", "warning")
            return
        self.note(f"copied {what}, also to {file}")

    def adopt(self, run: str) -> None:
        """Follow a run of the bucket."""
        self.told.follow(run)
        self.flush()
        self.run_worker(self._adopt(run), group="adopt", exclusive=True, exit_on_error=False)
        self.show_pane("jobs")

    async def _adopt(self, run: str) -> None:
        try:
            await self.engine.adopt(run)
        except BenchtuiError as problem:
            self.note(f"{problem.what}{f' (fix: {problem.fix})' if problem.fix else ''}", "error")

    def open_kill(self, jobs: Sequence[str] = ()) -> None:
        """The kill screen; ends nothing by itself."""
        run = self.told.run
        if run is None:
            scope = KillScope.of_account()
        else:
            scope = KillScope.of_jobs(run, frozenset(jobs)) if jobs else KillScope.of_run(run)
        self.push_screen(KillScreen(scope))

    def action_pane(self, name: str) -> None:
        """One of the panes."""
        self.show_pane(name)

    def action_runs(self) -> None:
        """The run switcher."""

        def chosen(run: str | None) -> None:
            if run is not None:
                self.adopt(run)

        self.push_screen(RunsScreen(self.told.listings, self.told.run), chosen)

    def action_pause(self) -> None:
        """Freeze the panes, or let them go on."""
        paused = self.told.pause()
        self.note("paused: the panes stand still, the header goes on" if paused else "the panes go on")
        self.flush()

    def action_refresh(self) -> None:
        """Ask for what is otherwise asked once a minute."""
        self.run_worker(self._refresh(), group="refresh", exclusive=True, exit_on_error=False)

    async def _refresh(self) -> None:
        try:
            await self.engine.runs()
            await self.engine.sweep()
        except BenchtuiError as problem:
            self.note(problem.what, "error")

    def action_kill(self) -> None:
        """The kill screen, for what is marked or the whole run."""
        if isinstance(self.screen, KillScreen):
            return
        self.open_kill(self.front.selected_jobs())

    def action_help(self) -> None:
        """Keys."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.front.PANE, self.front.TITLE))

    def action_copy_or_hint(self) -> None:
        """Copy the selection; never quit."""
        selected = self.screen.get_selected_text()
        if selected:
            self.copy(selected, "the selection")
        else:
            self.note("ctrl+c copies what is selected; ctrl+q quits")

    async def action_quit(self) -> None:
        """Leave at once when nothing lives; else ask."""
        alive = self.told.live is not None and bool(self.told.live.alive)
        if not (alive or self.told.launching or self.engine.unfinished):
            self.exit("leave")
        elif not isinstance(self.screen, QuitScreen):
            self.push_screen(QuitScreen(), self._quit)

    def _quit(self, choice: str | None) -> None:
        if choice == "leave":
            self.exit("leave")
        elif choice == "kill":
            self.open_kill()

    def _signalled(self, number: int) -> None:
        self.exit(signal.Signals(number).name, return_code=128 + number)

    def get_key_display(self, binding: Binding) -> str:
        """``^k`` for ctrl+k, ``?`` for question_mark."""
        return actions.footer_key(binding.key, ascii_only=self.look.ascii)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: actions of the pane in front, then those of the application."""
        for action in (*actions.of(self.front.PANE), *actions.of("app")):
            place = self if action.where == "app" else self.front
            run = partial(self.run_action, action.name, place)
            yield SystemCommand(action.label, actions.palette_help(action), run)
