"""The plan as a form: each field a setting of the configuration, checked as it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from benchtui.config.durations import format_duration
from benchtui.config.form import edited, field_text, problems_by_key
from benchtui.config.problems import Problem
from benchtui.config.schema import Config
from benchtui.core.suites import Suite
from benchtui.tui.glyphs import BAD, FAINT, Glyphs
from benchtui.tui.safe_text import safe_text
from benchtui.tui.widgets.choices import Choices

MODES = ("quick", "full")
TYPES, SUITES, MODE, REGIONS = "plan.types", "plan.suites", "plan.mode", "aws.regions"


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A field with one line of text."""

    key: str
    label: str
    hint: str


_ABOVE = (
    FieldLine("plan.name", "Name", "free text, kept with the results"),
    FieldLine(TYPES, "Types", "ctrl+t chooses, or type c7g.large, c7i.large"),
)
_BELOW = (
    FieldLine("plan.replicates", "Replicates", "instances per type; ranked from 3"),
    FieldLine(REGIONS, "Region", "us-east-1"),
    FieldLine("safety.budget_usd", "Budget $", "most a run may cost, worst case"),
    FieldLine("safety.max_runtime", "Max runtime", "4h, 90m"),
    FieldLine("plan.seed", "Seed", "of the order; empty: a new one per run"),
)


#: In the place of the one region, where the plan names several.
_SEVERAL = FieldLine("plan.regions", "Regions", "us-east-1, eu-west-1")


class PlanForm(VerticalScroll, can_focus=False):
    """Holds a configuration and the texts typed over it."""

    DEFAULT_CSS = """
    PlanForm .row { height: auto; }
    PlanForm .label { width: 12; height: 1; }
    PlanForm .row:focus-within .label { text-style: bold reverse; }
    PlanForm .row > Input { width: 1fr; }
    PlanForm .wrong { display: none; height: auto; padding-left: 2; }
    PlanForm .wrong.said { display: block; }
    PlanForm:ansi { background: ansi_default; }
    """

    class Edited(Message):
        """The form says something else than before."""

    def __init__(self, config: Config, glyphs: Glyphs) -> None:
        super().__init__(id="launch-form", classes="framed")
        self.base = config
        self.glyphs = glyphs
        self.outcome: Config | tuple[Problem, ...] = config
        self._changes: dict[str, str] = {}
        self.said: dict[str, str] = {}  # what is wrong, by key

    @property
    def config(self) -> Config | None:
        """What the form says; None while a field cannot be read."""
        return self.outcome if isinstance(self.outcome, Config) else None

    def compose(self) -> ComposeResult:
        """A row per setting, its trouble below it."""
        for line in _ABOVE:
            yield from self._line(line)
        yield from _row("Suites", SUITES, Choices(many=True, id=_id(SUITES)))
        modes = [(mode, Text(mode)) for mode in MODES]
        choice = Choices(many=False, options=modes, chosen=(self.base.plan.mode,), id=_id(MODE))
        yield from _row("Mode", MODE, choice)
        plan = self.base.plan
        for line in _BELOW:
            yield from self._line(_SEVERAL if line.key == REGIONS and plan.regions else line)
        if plan.include or plan.exclude:
            rest = f"and as the file says: {len(plan.include)} include, {len(plan.exclude)} exclude"
            yield Static(Text(rest, style=FAINT), id="form-rest", markup=False)
        if plan.market != "on_demand" or plan.region_fallback:
            said = [f"market {plan.market}"] if plan.market != "on_demand" else []
            said += ["falls back to other regions"] if plan.region_fallback else []
            yield Static(Text(f"and as the file says: {', '.join(said)}", style=FAINT), markup=False)

    def on_mount(self) -> None:
        """What leads on and out."""
        dash = f" {self.glyphs.separator} "
        self.border_subtitle = dash.join(("enter edit", "tab next", "esc leave"))
        if self.glyphs.ascii:
            for choices in self.query(Choices):
                choices.styles.text_overflow = "clip"  # what is cut would end in a Unicode sign

    def first_focus(self) -> Widget:
        """The types, while there are none; else the first field."""
        return self.query_one(f"#{_id(TYPES)}", Input)

    def entitle(self, file: str | None) -> None:
        """Say which file this is, and whether it says the same."""
        changed = self.config != self.base
        edited = f" {self.glyphs.separator} edited" if changed else ""
        title = f"{file}{edited}" if file else "New plan, not saved"
        if title != self.border_title:
            self.border_title = safe_text(title, 60).plain

    def know_suites(self, suites: Mapping[str, Suite] | None) -> None:
        """Offer these, and those that the configuration names and are not there; None: not known."""
        chosen = self.base.plan.suites
        names = [*chosen, *(name for name in suites or () if name not in chosen)]
        lines = [
            (name, safe_text(name, 80) if suites is None else _suite_line(name, suites.get(name)))
            for name in names
        ]
        self.query_one(f"#{_id(SUITES)}", Choices).offer(lines, chosen)

    def put(self, key: str, text: str) -> None:
        """Write a text into a field, as if it was typed."""
        self.query_one(f"#{_id(key)}", Input).value = text

    def saved(self, config: Config) -> None:
        """From now on this is what the file says."""
        self.base = config
        self._changes.clear()

    def on_input_changed(self, message: Input.Changed) -> None:
        """A text field."""
        message.stop()
        key, text = _key(message.input), message.value
        if key == REGIONS:  # the first is where it runs; the others stay behind it
            others = [region for region in self.base.aws.regions[1:] if region != text.strip()]
            text = ", ".join([text, *others])
        self._change(key, text)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter goes on to the next field."""
        message.stop()
        self.screen.focus_next()

    def on_choices_changed(self, message: Choices.Changed) -> None:
        """The mode; or the suites, in the order of the configuration, new ones behind."""
        message.stop()
        chosen = message.choices.chosen
        before = [name for name in self.base.plan.suites if name in chosen]
        text = ", ".join([*before, *(name for name in chosen if name not in before)])
        self._change(_key(message.choices), text)

    def _change(self, key: str, text: str) -> None:
        self._changes[key] = text
        before = self.outcome
        self.outcome = edited(self.base, self._changes)
        self._say(problems_by_key(self.outcome) if isinstance(self.outcome, tuple) else {})
        if self.outcome != before:
            self.post_message(self.Edited())

    def _say(self, said: dict[str, str]) -> None:
        for key in self.said.keys() | said.keys():
            if self.said.get(key) == said.get(key):
                continue
            for place in self.query(f"#wrong-{_id(key)}").results(Static):
                line = Text()
                if key in said:
                    line = safe_text(f"{self.glyphs.no} {said[key]}", 300, BAD)
                    line.no_wrap = False
                place.update(line)
                place.set_class(key in said, "said")
        self.said = said

    def _line(self, line: FieldLine) -> ComposeResult:
        text = self.base.aws.regions[0] if line.key == REGIONS else field_text(self.base, line.key)
        field = Input(
            safe_text(text, 10_000).plain,
            placeholder=line.hint,
            id=_id(line.key),
            compact=True,
            select_on_focus=False,
        )
        yield from _row(line.label, line.key, field)


def _row(label: str, key: str, field: Widget) -> ComposeResult:
    yield Horizontal(Static(Text(label), classes="label", markup=False), field, classes="row")
    yield Static("", id=f"wrong-{_id(key)}", classes="wrong", markup=False)


def _suite_line(name: str, suite: Suite | None) -> Text:
    if suite is None:
        return safe_text(f"{name}  there is no such suite", 80, BAD)
    times = (f"{mode} {format_duration(round(suite.modes[mode].expected_seconds))}" for mode in suite.modes)
    return safe_text(f"{name}  {', '.join(times)}", 80)


def _id(key: str) -> str:
    return "field-" + key.replace(".", "-")


def _key(field: Widget) -> str:
    return (field.id or "").removeprefix("field-").replace("-", ".", 1)
