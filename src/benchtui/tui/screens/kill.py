"""The kill screen."""

from __future__ import annotations

from textual.screen import ModalScreen

from benchtui.engine.kill_scope import KillScope


class KillScreen(ModalScreen[None]):
    """What a kill would end, the word that begins it, and its proof."""

    def __init__(self, scope: KillScope) -> None:
        super().__init__()
        self.scope = scope
