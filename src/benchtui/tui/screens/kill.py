"""The kill screen: what would end, the word that begins it, the proof. Closing it stops nothing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from benchtui.core.errors import as_error
from benchtui.engine.farewell import reaches
from benchtui.engine.kill_scope import TOKEN_LENGTH, KillProgress, KillScope, KillSurvey, ScopeKind
from benchtui.tui.glyphs import BAD, BUSY, FAINT, GOOD
from benchtui.tui.safe_text import safe_text
from benchtui.tui.screens.kill_text import counting, others_text, proof_text, question, survey_text
from benchtui.tui.view import View

if TYPE_CHECKING:
    from benchtui.tui.app import BenchtuiApp


class KillScreen(ModalScreen[None]):
    """Three scopes, one typed token, a proof per region.

    The scope's keys work only while the field has not the focus: typing the token never switches it.

    Args:
        scope: what to begin with. A kill under way that reaches all of it is shown in its place.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close"),
        Binding("s", "scope('selection')", "Selection"),
        Binding("r", "scope('run')", "This run"),
        Binding("a", "scope('all')", "Every run"),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
    ]

    DEFAULT_CSS = """
    KillScreen { align: center middle; }
    KillScreen > Vertical {
        width: 90%; max-width: 96; height: auto; max-height: 100%;
        border: round $error; background: $surface; padding: 0 1;
    }
    KillScreen VerticalScroll { height: auto; scrollbar-size-vertical: 1; }
    KillScreen #kill-survey { max-height: 40vh; }
    KillScreen #kill-proof { max-height: 35vh; border-top: solid $error; }
    KillScreen #kill-proof.alone { max-height: 70vh; }
    KillScreen Static { height: auto; }
    KillScreen #kill-confirm { height: auto; }
    KillScreen Horizontal { height: auto; }
    KillScreen #kill-question { width: 1fr; padding-top: 0; }
    KillScreen Input { width: 8; margin: 0 0 0 1; background: $boost; }
    KillScreen Button { min-width: 10; }
    KillScreen #kill-lock { width: 1fr; padding: 0 1; text-align: right; }
    """

    def __init__(self, scope: KillScope) -> None:
        super().__init__()
        self.scope = scope
        self._marked: frozenset[str] = scope.jobs
        self._surveys: dict[KillScope, KillSurvey] = {}
        self._trouble: str | None = None  # why there is no survey
        self._looked_at: datetime | None = None  # when the count began
        #: Kills begun here that have told nothing yet, with the beginning of an earlier one.
        self._asked: dict[KillScope, datetime | None] = {}
        self._ended: frozenset[tuple[KillScope, datetime]] = frozenset()
        self._proven_here: set[tuple[KillScope, datetime]] = set()  # proven while this screen looked on
        self._run = scope.run  # what s and r are about, whatever else is followed
        self._shown: dict[str, Text] = {}

    @property
    def _main(self) -> BenchtuiApp:
        return cast("BenchtuiApp", self.app)

    def compose(self) -> ComposeResult:
        """What would end, the confirmation, the proof."""
        with Vertical():
            yield Static("", id="kill-others", markup=False)
            with VerticalScroll(id="kill-survey", can_focus=False):
                yield Static("", id="kill-what", markup=False)
            with Vertical(id="kill-confirm"):
                with Horizontal():
                    yield Static("", id="kill-question", markup=False)
                    yield Input(id="kill-token", max_length=TOKEN_LENGTH, select_on_focus=False, compact=True)
                with Horizontal():
                    yield Button(_label("Cancel"), id="cancel", compact=True)
                    yield Static("", id="kill-lock", markup=False)
                    yield Button(
                        _label("Terminate"), id="terminate", variant="error", compact=True, disabled=True
                    )
            with VerticalScroll(id="kill-proof"):
                yield Static("", id="kill-proven", markup=False)

    def on_mount(self) -> None:
        """Begin with what is unfinished; the focus is where an enter too many does no harm."""
        self._main.flush()  # a kill that was begun a moment ago is to be shown
        view = self._main.view
        self._run = self._run or view.run
        if not self._marked and self._run == view.run:  # every run names its jobs alike
            self._marked = frozenset(self._main.front.selected_jobs())
        going = [kill.scope for kill in view.kills if not kill.done and reaches(kill.scope, self.scope)]
        if going and self.scope not in going:
            self.scope = going[-1]
        self._ended = _ended(view)
        self.query_one("#cancel", Button).focus()
        self._choose(self.scope)

    def action_scope(self, name: str) -> None:
        """Another scope, while nothing is typed into the field."""
        if isinstance(self.focused, Input) or self._under_way:
            return
        run = self._run or self._main.view.run
        kind = ScopeKind(name)
        if kind is ScopeKind.ALL:
            self._choose(KillScope.of_account())
        elif run is None:
            self._main.note("no run is followed: choose one with r, or a for every run", "warning")
        elif kind is ScopeKind.RUN:
            self._choose(KillScope.of_run(run))
        elif self._marked:
            self._choose(KillScope.of_jobs(run, self._marked))
        else:
            self._main.note("no job is marked: mark jobs with space in the Jobs pane", "warning")

    def action_page(self, by: int) -> None:
        """The rest of what would end, where it has no room."""
        survey = self.query_one("#kill-survey")
        survey.scroll_relative(y=by * max(1, survey.size.height - 1), animate=False)

    def _choose(self, scope: KillScope) -> None:
        """Look at ``scope``; a token that was typed for another one counts no more."""
        self.scope = scope
        field = self.query_one(Input)
        field.value = ""
        self.query_one(Vertical).border_title = f"! KILL  {scope.name}"
        self._look()
        self.show_view(self._main.view)

    def _keys(self) -> str:
        if self._under_way:
            return "esc close"
        dot = self._main.glyphs.separator
        names = {
            ScopeKind.SELECTION: f"s selection ({len(self._marked)})",
            ScopeKind.RUN: "r this run",
            ScopeKind.ALL: "a every run",
        }
        shown = (f">{name}<" if kind is self.scope.kind else name for kind, name in names.items())
        return f" {dot} ".join(shown)

    def _look(self) -> None:
        self._trouble, self._looked_at = None, self._main.clock()
        self._surveys.pop(self.scope, None)
        self._survey(self.scope)

    @work(group="survey", exclusive=True, exit_on_error=False)
    async def _survey(self, scope: KillScope) -> None:
        try:
            self._surveys[scope] = await self._main.engine.survey(scope)
        except Exception as problem:  # a defect is no reason to say nothing
            self._trouble = as_error(problem).what
        self.show_view(self._main.view)

    @property
    def _token(self) -> str | None:
        survey = self._surveys.get(self.scope)
        return self.scope.token(self._main.view.account or (survey.account if survey else None))

    @property
    def _progress(self) -> KillProgress | None:
        kills = self._main.view.kills
        return next((kill for kill in kills if kill.scope == self.scope), None)

    @property
    def _under_way(self) -> bool:
        """Whether the kill that is shown goes on."""
        progress = self._progress
        return self.scope in self._asked or (progress is not None and not progress.done)

    def show_view(self, view: View) -> None:
        """Write what has changed. Harmless before the screen has its parts, and after."""
        if not (self.is_attached and self.query("#kill-proven")):
            return
        for kill in view.kills:
            if kill.scope in self._asked and kill.started_at != self._asked[kill.scope]:
                del self._asked[kill.scope]
        newly_ended = _ended(view) - self._ended
        self._ended = _ended(view)
        self._proven_here |= newly_ended
        if any(scope == self.scope for scope, _ in newly_ended):
            self._look()  # what was counted before is no longer true
        self.query_one(Vertical).border_subtitle = self._keys()
        running, progress = self._under_way, self._progress
        survey = self._surveys.get(self.scope)
        settled = self._settled(progress, survey)
        self.query_one("#kill-survey").display = not (running or settled)
        others = others_text(self.scope, view.kills, view.flags)
        self.query_one("#kill-others").display = bool(others)
        self._write("kill-others", others)
        self._write("kill-what", self._what(survey))
        self._write("kill-proven", self._proof(view, progress))
        self.query_one("#kill-proof").display = progress is not None or running
        confirms = not (running or settled)
        self.query_one("#kill-proof").set_class(not confirms, "alone")
        self.query_one("#kill-question").display = confirms
        self.query_one(Input).display = confirms
        self.query_one("#terminate").display = confirms
        _relabel(self.query_one("#cancel", Button), "Cancel" if confirms else "Close")
        self._write("kill-question", Text(question(self.scope, self._token)))
        self._lock(view, confirms)
        if self.focused is None or not self.focused.display:
            # Not on a button while the kill goes on: the enter that began it may come twice.
            self.query_one("#kill-proof" if running else "#cancel").focus()

    def _settled(self, progress: KillProgress | None, survey: KillSurvey | None) -> bool:
        """Whether nothing is left to end: an old proof says nothing of what was launched after it."""
        if progress is None or not progress.proven or (survey is not None and survey.count):
            return False
        counted = survey is not None and survey.complete
        return counted or (self.scope, progress.started_at) in self._proven_here

    def _what(self, survey: KillSurvey | None) -> Text:
        if survey is not None:
            return survey_text(survey, self._main.glyphs)
        if self._trouble is not None:
            why = safe_text(f"What is alive is UNKNOWN: {self._trouble}", style=BAD)
            return why.append("\nA kill asks every region again.")
        partial = next((each for each in self._main.view.surveys if each.scope == self.scope), None)
        if partial is None or self._looked_at is None or partial.taken_at < self._looked_at:
            return Text(f"Terminate what is tagged {self.scope.tag}\n", style="bold").append_text(
                counting(None, self._main.glyphs)
            )
        return survey_text(partial, self._main.glyphs)

    def _proof(self, view: View, progress: KillProgress | None) -> Text:
        if self.scope in self._asked or progress is None:
            return Text("handed to the engine", style=BUSY)
        return proof_text(progress, self._main.glyphs, view.now, self._main.told.ended.get(self.scope))

    def _lock(self, view: View, confirms: bool) -> None:
        """What stands between the key and its effect, in words: a colour alone does not say it."""
        survey, field = self._surveys.get(self.scope), self.query_one(Input)
        open_ = confirms and self._matches(view)
        button = self.query_one("#terminate", Button)
        button.disabled = not open_
        count = f" {survey.count}" if survey is not None and survey.count else ""
        _relabel(button, f"Terminate{count}")
        field.disabled = view.read_only or self._token is None
        if not confirms:
            said = Text("")
        elif view.read_only:
            said = Text("read-only: nothing can be ended here", style=f"bold {GOOD}")
        elif open_:
            said = Text("enter ends them", style=f"bold {BAD}")
        elif field.value and len(field.value) >= TOKEN_LENGTH:
            said = Text("locked: that is not the token", style=BAD)
        else:
            said = Text("locked", style=FAINT)
        self._write("kill-lock", said)

    def _matches(self, view: View) -> bool:
        token = self._token
        return not view.read_only and token is not None and self.query_one(Input).value == token

    def _write(self, name: str, text: Text) -> None:
        if self._shown.get(name) != text:
            self._shown[name] = text
            self.query_one(f"#{name}", Static).update(text)

    def on_input_changed(self, _: Input.Changed) -> None:
        """Unlock, or lock again."""
        self.show_view(self._main.view)

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Enter in the field; without the token it does nothing."""
        self._terminate()

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """Close, or begin."""
        if message.button.id == "cancel":
            self.dismiss(None)
        else:
            self._terminate()

    def _terminate(self) -> None:
        """Begin, if the token matches; checked here again, whatever the button looks like."""
        if self._under_way or not self._matches(self._main.view):
            return
        before = self._progress
        self._asked[self.scope] = before.started_at if before is not None else None
        self.query_one(Input).value = ""
        # A worker of the application: this screen may be closed before the engine has answered.
        self._main.run_worker(self._begin(self.scope), group="kill", exit_on_error=False)
        self.show_view(self._main.view)

    async def _begin(self, scope: KillScope) -> None:
        main = self._main
        try:
            await main.engine.kill(scope)
        except Exception as problem:  # a defect is no reason to say nothing
            self._asked.pop(scope, None)
            said = f"nothing was ended: {as_error(problem).what}"
            main.note(said, "error", f"{scope.command}{main.view.flags}")
            self.show_view(main.view)


def _label(text: str) -> Content:
    """A button's words in brackets: without colours it is still a button."""
    return Content(f"[ {text} ]")


def _relabel(button: Button, text: str) -> None:
    """Other words on a button, in the room they need."""
    if str(button.label) != str(_label(text)):
        button.label = _label(text)
        button.refresh(layout=True)


def _ended(view: View) -> frozenset[tuple[KillScope, datetime]]:
    """The kills that have come to their end."""
    return frozenset((kill.scope, kill.started_at) for kill in view.kills if kill.done)
