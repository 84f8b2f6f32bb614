"""The Launch pane: the plan as a form, and beside it what it would do and cost."""

from __future__ import annotations

import asyncio
import random
import shlex
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from benchtui.config.paths import PROJECT_FILE
from benchtui.config.save import save
from benchtui.config.schema import Config
from benchtui.core.errors import BenchtuiError, as_error
from benchtui.core.money import usd_text
from benchtui.core.plan import draw_seed
from benchtui.engine.offers import TypeOffer
from benchtui.engine.planning import Planned, check_launchable, limits_of, regions_of, suites_of
from benchtui.tui import actions
from benchtui.tui.plan_text import LivePlan, question_lines
from benchtui.tui.safe_text import safe_text
from benchtui.tui.screens.launch_confirm import LaunchConfirm
from benchtui.tui.screens.save_plan import SavePlan
from benchtui.tui.screens.types import TypesScreen
from benchtui.tui.view import View
from benchtui.tui.widgets.pane import Pane
from benchtui.tui.widgets.plan_form import TYPES, PlanForm

#: After the last key, before the plan is asked for.
DEBOUNCE_SECONDS = 0.4
#: A plan older than this is made anew before it can be launched: zones, types and prices may be others.
LONGEST_AGE = timedelta(minutes=10)
SIDE_BY_SIDE = 80  # columns
HOW_TO_BEGIN = (
    "No instance type is chosen yet.\n\n"
    "ctrl+t lists what the region sells, with cores, memory and price. Or type names into Types: c7g.large, "
    "c7i.large; with --local local.1cpu, which costs nothing.\n\n"
    "The plan then appears here: jobs, time, expected and worst-case cost. ctrl+s saves it as TOML, ctrl+l "
    "launches it."
)


class LaunchPane(Pane):
    """Form and live plan; saves and launches."""

    PANE = "launch"
    TITLE = "Launch"
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings("launch"),
        Binding("escape", "leave_field", show=False),
    ]

    DEFAULT_CSS = """
    LaunchPane #launch-body { height: 1fr; layout: horizontal; }
    LaunchPane PlanForm { width: 46%; max-width: 62; height: 1fr; }
    LaunchPane #launch-plan { width: 1fr; height: 1fr; scrollbar-size-vertical: 1; }
    LaunchPane #launch-plan Static { height: auto; width: 1fr; }
    LaunchPane.narrow #launch-body { layout: vertical; }
    LaunchPane.narrow PlanForm { width: 1fr; max-width: 100%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._form: PlanForm | None = None
        self._live = LivePlan()
        self._planned_for: Config | None = None  # the configuration the plan shown was made of
        self._seed = draw_seed(random.SystemRandom())
        self._timer: Timer | None = None
        self._offers: dict[str, tuple[TypeOffer, ...]] = {}  # by region
        self._file: Path | None = None
        self._painted: tuple[object, ...] = ()
        self._launching = False

    def compose(self) -> ComposeResult:
        """The form comes with the first view, which has the configuration."""
        with Container(id="launch-body"), VerticalScroll(id="launch-plan", classes="framed"):
            yield Static("", id="launch-text", markup=False)

    def on_mount(self) -> None:
        """What can be done with a plan, also where the footer has no room to say it."""
        dash = f" {self.glyphs.separator} "
        box = self.query_one("#launch-plan")
        box.border_subtitle = dash.join(("^t types", "^s save", "^l launch"))

    def first_focus(self) -> Widget:
        """The pane, not a field: a digit goes to another pane until a field is entered."""
        return self

    def action_edit(self) -> None:
        """Into the types, where a plan begins."""
        if self._form is not None and self._form.is_mounted:
            self._form.first_focus().focus()

    def show(self, view: View) -> None:
        """The first time: make the form and the first plan. Then: ages."""
        if self._form is None:
            self._form = PlanForm(view.config, self.glyphs)
            self._file = self.main.config_file
            self.run_worker(self._begin(self._form), exit_on_error=False)
        self._paint()

    async def _begin(self, form: PlanForm) -> None:
        body = self.query_one("#launch-body")
        await body.mount(form, before=0)
        self._plan_soon(0)
        try:
            form.know_suites(await asyncio.to_thread(suites_of, form.base))
        except BenchtuiError as problem:
            form.know_suites(None)
            self.main.note(problem.what, "error")

    def on_plan_form_edited(self, _: PlanForm.Edited) -> None:
        """Say that the plan is another one now, and ask for it when the typing stops."""
        self._plan_soon(DEBOUNCE_SECONDS)

    def on_resize(self) -> None:
        """Side by side where there is room, and as many columns as fit."""
        self.set_class(self.size.width < SIDE_BY_SIDE, "narrow")
        self.call_after_refresh(self._paint)

    # The live plan.

    def _plan_soon(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        config = self._config
        wrong = 0 if config is not None or self._form is None else len(self._form.said)
        ready = config is not None and bool(config.plan.types or config.plan.include)
        self._live = replace(
            self._live,
            outdated=config != self._planned_for,
            planning=ready,
            wrong=wrong,
            problem=None if ready else self._live.problem,
        )
        if not ready and config is not None:
            self._live, self._planned_for = LivePlan(), None
        self.workers.cancel_group(self, "plan")
        if ready:
            self._timer = self.set_timer(seconds, self._ask_plan) if seconds else None
            if not seconds:
                self._ask_plan()
        self._paint()

    def _ask_plan(self) -> None:
        config = self._config
        if config is not None:
            self.run_worker(self._plan(config), group="plan", exclusive=True, exit_on_error=False)

    async def _plan(self, config: Config) -> None:
        seed = self._seed if config.plan.seed is None else config.plan.seed
        try:
            planned = await self.main.engine.plan(config, seed)
        except Exception as problem:
            said = as_error(problem, "the plan could not be made: ")
            self._live = replace(self._live, planning=False, outdated=True, problem=said)
        else:
            self._live, self._planned_for = LivePlan(planned, self.main.clock()), config
        self._paint()

    @property
    def _config(self) -> Config | None:
        return None if self._form is None else self._form.config

    def _paint(self) -> None:
        """Title and text, if they are others than before."""
        if not self.is_mounted:
            return
        box = self.query_one("#launch-plan", VerticalScroll)
        title = self._live.title(self.main.clock(), self.glyphs)
        if box.border_title != title:
            box.border_title = safe_text(title).plain
        if self._form is not None and self._form.is_mounted:
            self._form.entitle(self._file.name if self._file else None)
        # One column is kept for the scroll bar, so that it may come and go.
        width = max(20, box.size.width - 1)
        painted = (self._live, width, self._needs_types)
        if painted != self._painted:
            self._painted = painted
            text = Text(HOW_TO_BEGIN) if self._needs_types else self._live.text(width, self.glyphs)
            shown = self.query_one("#launch-text", Static)
            shown.update(text)
            # A height of its own: an automatic one was seen to stay that of the text before, when the pane
            # had just come to the front.
            shown.styles.height = len(text.wrap(self.app.console, width))

    @property
    def _needs_types(self) -> bool:
        config = self._config
        return config is not None and not (config.plan.types or config.plan.include)

    # What a key does.

    def action_types(self) -> None:
        """Choose types from what the region sells."""
        form = self._form
        if form is None:
            return
        config = self._config or form.base

        def use(names: tuple[str, ...] | None) -> None:
            if names is not None:
                form.put(TYPES, ", ".join(names))

        region = regions_of(config)[0]
        self.app.push_screen(TypesScreen(lambda: self._types(config), config.plan.types, region), use)

    async def _types(self, config: Config) -> tuple[TypeOffer, ...]:
        region = regions_of(config)[0]
        if region not in self._offers:
            self._offers[region] = await self.main.engine.types(config)
        return self._offers[region]

    def action_save(self) -> None:
        """Save the plan as TOML."""
        form, config = self._form, self._config
        if form is None or config is None:
            self.main.note("not saved: first correct the fields marked at the left", "warning")
            return
        loaded_from, before = self._file, form.base

        async def write(path: Path) -> Path:
            target = Path.cwd() / path
            return await asyncio.to_thread(save, config, target, before=before, loaded_from=loaded_from)

        def saved(path: Path | None) -> None:
            if path is None:
                return
            self._file = path
            form.saved(config)
            command = f"benchtui plan {shlex.quote(str(path))}{self.main.view.flags}"
            self.main.note(f"saved {path}", command=command)

        suggested = loaded_from or Path.cwd() / PROJECT_FILE
        self.app.push_screen(SavePlan(suggested, loaded_from, write), saved)

    def action_replan(self) -> None:
        """Make the plan again."""
        self._plan_soon(0)

    def action_leave_field(self) -> None:
        """From a field to the plan, where single keys are commands again."""
        self.query_one("#launch-plan").focus()

    def action_launch(self) -> None:
        """Ask for the word that launches the plan shown."""
        planned = self._launchable()
        if planned is None:
            return
        config = self._planned_for
        assert config is not None
        limits = limits_of(config)
        gentle = timedelta(seconds=limits.boot_allowance + limits.max_runtime)
        longest = timedelta(seconds=limits.longest_seconds)
        lines = question_lines(planned, longest, gentle, self.main.clock())
        token = usd_text(planned.plan.budget.at_most_usd)

        def answered(agreed: bool | None) -> None:
            if agreed and self._launchable(planned) is planned:
                self._launching = True
                self.run_worker(self._launch(planned, config), group="launch", exit_on_error=False)

        self.app.push_screen(LaunchConfirm(lines, token, planned.plan.budget.jobs_covered), answered)

    def _launchable(self, agreed: Planned | None = None) -> Planned | None:
        """The plan shown, if it may be launched; else says why not, and makes it anew where that helps.

        Args:
            agreed: the plan that was agreed to; another one is not launched in its place.
        """
        live, config = self._live, self._config
        planned = live.planned
        reason, again = "", False
        if self.main.view.read_only:
            reason = "read-only: start benchtui without --read-only"
        elif self._launching:
            reason = "a launch is under way"
        elif config is None:
            reason = "first correct the fields marked at the left"
        elif self._needs_types:
            reason = "first choose types with ctrl+t"
        elif planned is None or live.outdated or live.planning or config != self._planned_for:
            reason, again = "the plan is being made; press ctrl+l when it is shown", not live.planning
        elif agreed is not None and planned is not agreed:
            reason = "the plan is another one than the one agreed to; look at it again"
        elif live.made_at is None or self.main.clock() - live.made_at > LONGEST_AGE:
            reason, again = "the plan is old and is made anew; press ctrl+l when it is shown", True
        else:
            try:
                check_launchable(planned.plan)
            except BenchtuiError as refused:
                reason = f"{refused.what} (fix: {refused.fix})" if refused.fix else refused.what
        if not reason:
            return planned
        self.main.note(f"not launched: {reason}", "warning")
        if again:
            self._plan_soon(0)
        return None

    async def _launch(self, planned: Planned, config: Config) -> None:
        try:
            run = await self.main.engine.launch(planned, config)
        except BenchtuiError as problem:
            fix = f" (fix: {problem.fix})" if problem.fix else ""
            self.main.note(f"not launched: {problem.what}{fix}", "error")
            return
        except Exception as problem:
            self.main.note(f"the launch failed: {type(problem).__name__}: {problem}", "error")
            return
        finally:
            self._launching = False
        flags, jobs = self.main.view.flags, len(planned.plan.jobs)
        count = "1 job" if jobs == 1 else f"{jobs} jobs"
        if not planned.plan.budget.fits:
            count = f"{planned.plan.budget.jobs_covered} of {count}, what the budget covers"
        self.main.note(f"{run}: launching {count}", command=f"benchtui watch {run}{flags}")
        self._seed = draw_seed(random.SystemRandom())
        self._plan_soon(0)
        self.main.told.follow(run)
        self.main.show_pane("jobs")
