"""The panes and screens: imported once there is something on the screen to look at."""

from __future__ import annotations

from benchtui.tui.panes import TABS
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
from benchtui.tui.widgets.pane import Pane

__all__ = ["PANES", "HelpScreen", "KillScreen", "QuitScreen", "RunsScreen"]

PANES: tuple[type[Pane], ...] = (JobsPane, LaunchPane, CostPane, ComparePane, HistoryPane, EventsPane)
assert tuple((pane.PANE, pane.TITLE) for pane in PANES) == TABS
