"""Every action of the application, once: keys, footer, palette, help and docs/KEYS.md come from here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding, BindingType


class Danger(StrEnum):
    """What stands between a key and its effect."""

    NONE = "none"
    CONFIRM = "confirm"  # a question
    TYPE = "type"  # a word to be typed


@dataclass(frozen=True, slots=True)
class Action:
    """Something a user can do.

    ``id`` is ``<where>.<name>``: ``app`` or a pane, and the method ``action_<name>`` there.
    """

    id: str
    keys: str  # comma-separated, as Textual names keys
    label: str  # one or two words, for the footer
    tooltip: str
    headless: str  # command that does the same, or why there is none
    danger: Danger = Danger.NONE
    footer: bool = False

    @property
    def where(self) -> str:
        """``app`` or the pane."""
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        """The method's name without ``action_``."""
        return self.id.partition(".")[2]


SCREEN_ONLY = "none: it concerns this screen alone"

ACTIONS: tuple[Action, ...] = (
    # The whole application.
    Action("app.pane('jobs')", "1", "Jobs", "Jobs of the run", "benchtui status RUN"),
    Action("app.pane('launch')", "2", "Launch", "Plan and launch a run", "benchtui run CONFIG"),
    Action("app.pane('cost')", "3", "Cost & kill", "What it costs, and its end", "benchtui cost RUN"),
    Action("app.pane('compare')", "4", "Compare", "Compare instance types", "benchtui compare RUN"),
    Action("app.pane('history')", "5", "History", "Runs of the bucket", "benchtui runs"),
    Action("app.pane('events')", "6", "Events", "All that happened", "benchtui watch RUN --json"),
    Action("app.runs", "r", "Runs", "Switch to another run of the bucket", "benchtui runs"),
    Action("app.pause", "p", "Pause", "Freeze the view; the header goes on", SCREEN_ONLY, footer=True),
    Action("app.refresh", "f5", "Refresh", "List the runs and sweep the account now", "benchtui status"),
    Action(
        "app.kill",
        "ctrl+k",
        "Kill…",
        "Open the kill screen; ends nothing by itself",
        "benchtui kill RUN",
        Danger.TYPE,
        footer=True,
    ),
    Action("app.command_palette", "ctrl+p,colon", "Commands", "Find a command", SCREEN_ONLY, footer=True),
    Action(
        "app.help", "question_mark,f1", "Help", "Keys and headless commands", "benchtui --help", footer=True
    ),
    Action("app.copy_or_hint", "ctrl+c", "Copy", "Copy what is selected; never quits", SCREEN_ONLY),
    Action(
        "app.quit",
        "ctrl+q",
        "Quit",
        "Leave; asks what becomes of live instances",
        "Ctrl-C in benchtui run",
        Danger.CONFIRM,
        footer=True,
    ),
    # Jobs.
    Action(
        "jobs.details",
        "enter,d",
        "Details",
        "All that is known of a job",
        "benchtui status RUN JOB",
        footer=True,
    ),
    Action("jobs.logs", "l", "Logs", "The job's log, live", "benchtui log RUN JOB -f", footer=True),
    Action(
        "jobs.filter",
        "slash",
        "Filter",
        "Show some of the jobs",
        "benchtui status RUN --filter EXPR",
        footer=True,
    ),
    Action("jobs.sort_next", "o", "Sort", "Sort by the next column", SCREEN_ONLY, footer=True),
    Action("jobs.sort_reverse", "O", "Reverse", "Reverse the order", SCREEN_ONLY),
    Action("jobs.mark", "space", "Mark", "Mark the job and go to the next", SCREEN_ONLY, footer=True),
    Action(
        "jobs.copy_id",
        "y",
        "Copy id",
        "Copy the ids of the instances",
        "benchtui status RUN --json",
        footer=True,
    ),
    Action("jobs.copy_json", "Y", "Copy JSON", "Copy the jobs as JSON", "benchtui status RUN --json"),
    # The log of a job, where one is shown.
    Action(
        "log.autoscroll",
        "a",
        "Autoscroll",
        "Follow the end of the log, or stand still",
        SCREEN_ONLY,
        footer=True,
    ),
    Action("log.wrap", "w", "Wrap", "Fold the log's long lines, or not", SCREEN_ONLY, footer=True),
    Action("log.times", "t", "Times", "Times of the log's lines, or none", SCREEN_ONLY, footer=True),
    # Launch.
    Action("launch.edit", "enter", "Edit", "Edit the plan; esc leaves the fields", SCREEN_ONLY, footer=True),
    Action("launch.types", "ctrl+t", "Types", "Choose instance types", "benchtui types", footer=True),
    Action("launch.save", "ctrl+s", "Save", "Save the plan as TOML", "none: write the file", footer=True),
    Action("launch.replan", "ctrl+r", "Plan again", "Make the plan again", "benchtui plan CONFIG"),
    Action(
        "launch.launch",
        "ctrl+l",
        "Launch…",
        "Launch the plan that is shown",
        "benchtui run CONFIG",
        Danger.TYPE,
        footer=True,
    ),
    # Cost & kill.
    Action(
        "cost.end",
        "x",
        "End…",
        "Open the kill screen for the instance under the cursor",
        "benchtui kill RUN --job JOB",
        Danger.TYPE,
        footer=True,
    ),
    Action("cost.chart", "c", "Chart", "Figures or chart, where one has room", SCREEN_ONLY, footer=True),
    Action("cost.zoom", "z", "Zoom", "Chart up to the cap or to the money", SCREEN_ONLY, footer=True),
    # Compare.
    Action(
        "compare.baseline",
        "b",
        "Baseline",
        "Compare with this type",
        "benchtui compare RUN --baseline TYPE",
        footer=True,
    ),
    Action(
        "compare.decide",
        "d",
        "Decide",
        "What to rent: frontier, cost of work, break-even",
        "benchtui compare RUN --decide",
        footer=True,
    ),
    Action(
        "compare.intensity",
        "f",
        "Flop/byte",
        "Decide with speeds predicted for the next intensity",
        "benchtui compare RUN --intensity X",
    ),
    Action("compare.chart", "g", "Chart", "Next chart", "benchtui compare RUN --chart CHART", footer=True),
    Action(
        "compare.metric_next", "m", "Metric", "Next metric", "benchtui compare RUN --metric M", footer=True
    ),
    Action(
        "compare.metric_previous", "M", "Metric back", "Previous metric", "benchtui compare RUN --metric M"
    ),
    Action(
        "compare.by('instance')",
        "i",
        "Per instance",
        "Per instance",
        "benchtui compare RUN --by instance",
        footer=True,
    ),
    Action("compare.by('vcpu')", "v", "Per vCPU", "Per vCPU", "benchtui compare RUN --by vcpu", footer=True),
    Action(
        "compare.by('core')",
        "c",
        "Per core",
        "Per physical core",
        "benchtui compare RUN --by core",
        footer=True,
    ),
    Action(
        "compare.by('dollar')",
        "dollar_sign",
        "Per $",
        "Per dollar",
        "benchtui compare RUN --by dollar",
        footer=True,
    ),
    Action(
        "compare.write",
        "w",
        "Write…",
        "Write a report or an export to a file",
        "benchtui report RUN",
    ),
    Action("compare.copy_sentence", "y", "Copy", "Copy the sentence", "benchtui compare RUN", footer=True),
    # History.
    Action("history.adopt", "enter", "Follow", "Follow this run", "benchtui watch RUN", footer=True),
    Action(
        "history.trends",
        "t",
        "Trends",
        "Trends of a metric, or the runs",
        "benchtui history --metric M",
        footer=True,
    ),
    Action("history.metric_next", "m", "Metric", "Next metric of the trends", "benchtui history --metric M"),
    Action(
        "history.metric_previous",
        "M",
        "Metric back",
        "Metric of the trends before",
        "benchtui history --metric M",
    ),
    Action("history.sync", "s", "Sync", "Read from the bucket what is new", "benchtui history --sync"),
    # Events.
    Action("events.copy", "y", "Copy", "Copy the line's command", SCREEN_ONLY, footer=True),
)


def of(where: str) -> tuple[Action, ...]:
    """The actions of ``app`` or of a pane."""
    return tuple(action for action in ACTIONS if action.where == where)


def bindings(where: str) -> list[BindingType]:
    """The key bindings of ``app`` or of a pane. Users give other keys by the action's id."""
    return [_binding(action) for action in of(where)]


def binding_id(action: Action) -> str:
    """The id by which ``[tui.keys]`` names it: letters, digits, ``.``, ``_`` and ``-``."""
    name = action.id.replace("('", "-").replace("')", "")
    return name


def key_table(actions: Iterable[Action] = ACTIONS) -> str:
    """The actions as a Markdown table, for docs/KEYS.md."""
    lines = ["| key | action | what it does | headless |", "| --- | --- | --- | --- |"]
    for action in actions:
        keys = " ".join(f"`{shown_key(key)}`" for key in action.keys.split(","))
        headless = f"`{action.headless}`" if action.headless.startswith("benchtui") else action.headless
        lines.append(f"| {keys} | `{binding_id(action)}` | {action.tooltip} | {headless} |")
    return "\n".join(lines)


_SHOWN = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "dollar_sign": "$",
    "space": "space",
    "enter": "enter",
}


def shown_key(key: str) -> str:
    """A key as people write it."""
    return _SHOWN.get(key, key)


def footer_key(keys: str, *, ascii_only: bool) -> str:
    """The first of ``keys`` as the footer shows it: ``^k`` for ctrl+k, ``⏎`` for enter."""
    first = keys.split(",", maxsplit=1)[0]
    if first == "enter" and not ascii_only:
        return "⏎"
    return shown_key(first).replace("ctrl+", "^")


def palette_help(action: Action) -> str:
    """What the palette says below an action's label."""
    keys = " ".join(shown_key(key) for key in action.keys.split(","))
    return f"{action.tooltip} · {keys} · {action.headless}"


def _binding(action: Action) -> Binding:
    return Binding(
        action.keys,
        action.name,
        action.label,
        show=action.footer,
        tooltip=action.tooltip,
        id=binding_id(action),
        priority=action.id == "app.quit",
    )
