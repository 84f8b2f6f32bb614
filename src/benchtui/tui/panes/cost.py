"""The Cost & kill pane."""

from __future__ import annotations

from benchtui.tui.view import View
from benchtui.tui.widgets.pane import Pane


class CostPane(Pane):
    """What the run costs, and what else of this account is alive."""

    PANE = "cost"
    TITLE = "Cost & kill"

    def show(self, view: View) -> None:
        """Show ``view``."""
