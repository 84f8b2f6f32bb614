"""The application: what its keys do, and where they lead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from benchtui.core.errors import BenchtuiError, as_error
from benchtui.engine.farewell import living
from benchtui.engine.kill_scope import KillScope
from benchtui.tui import actions
from benchtui.tui.shell import Shell


class BenchtuiApp(Shell, inherit_bindings=False):
    """The actions of the whole application; those of a pane stand there."""

    BINDINGS: ClassVar[list[BindingType]] = actions.bindings("app")

    def adopt(self, run: str) -> None:
        """Follow a run of the bucket."""
        before = self.told.run if self.told.run != run else None
        self.told.follow(run)
        self.flush()
        self.run_worker(self._adopt(run, before), group="adopt", exclusive=True, exit_on_error=False)
        self.show_pane("jobs")

    async def _adopt(self, run: str, before: str | None) -> None:
        """Ask for it; if there is no such run, the one before goes on."""
        try:
            await self.engine.adopt(run)
        except Exception as problem:  # a defect is no reason to say nothing
            self.told.follow(before)
            fix = problem.fix if isinstance(problem, BenchtuiError) else None
            self.note(f"{as_error(problem).what}{f' (fix: {fix})' if fix else ''}", "error")

    def open_kill(self, jobs: Sequence[str] = ()) -> None:
        """The kill screen; ends nothing by itself."""
        from benchtui.tui import furniture

        run = self.told.run
        if run is None:
            scope = KillScope.of_account()
        else:
            scope = KillScope.of_jobs(run, frozenset(jobs)) if jobs else KillScope.of_run(run)
        self.push_screen(furniture.KillScreen(scope))

    def action_pane(self, name: str) -> None:
        """One of the panes."""
        self.show_pane(name)

    def action_runs(self) -> None:
        """The run switcher."""
        from benchtui.tui import furniture

        def chosen(run: str | None) -> None:
            if run is not None:
                self.adopt(run)

        self.push_screen(furniture.RunsScreen(self.told.listings, self.told.run), chosen)

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
        except Exception as problem:  # a defect is no reason to say nothing
            self.note(as_error(problem).what, "error")

    def action_kill(self) -> None:
        """The kill screen, for what is marked or the whole run."""
        from benchtui.tui import furniture

        if not isinstance(self.screen, furniture.KillScreen):
            self.open_kill(self.front.marked_jobs())

    def action_help(self) -> None:
        """Keys."""
        from benchtui.tui import furniture

        if not isinstance(self.screen, furniture.HelpScreen):
            self.push_screen(furniture.HelpScreen(self.front.PANE, self.front.TITLE))

    def action_copy_or_hint(self) -> None:
        """Copy the selection; never quit."""
        selected = self.screen.get_selected_text()
        if selected:
            self.copy(selected, "the selection")
        else:
            self.note("ctrl+c copies what is selected; ctrl+q quits")

    async def action_quit(self) -> None:
        """Leave at once when nothing lives; else ask."""
        from benchtui.tui import furniture

        if not self.panes:
            self.exit("leave")
            return
        told = self.told
        found = living(told.run, told.live, told.sweep, self.clock())
        at_stake = bool(found.run) or (told.run is not None and not found.known)
        if not (at_stake or self.told.launching or self.engine.unfinished):
            self.exit("leave")
        elif not isinstance(self.screen, furniture.QuitScreen):
            self.push_screen(furniture.QuitScreen(), self._quit)

    def _quit(self, choice: str | None) -> None:
        if choice == "leave":
            self.exit("leave")
        elif choice == "kill":
            self.open_kill()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: actions of the pane in front, then those of the application."""
        for action in (*actions.of(self.front.PANE), *actions.of("app")):
            place = self if action.where == "app" else self.front
            run = partial(self.run_action, action.name, place)
            yield SystemCommand(action.label, actions.palette_help(action), run)
