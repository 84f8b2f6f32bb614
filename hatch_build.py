"""Adds to the wheel what is made of the program: man page and completions, where shells look for them."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: Below the environment that the wheel is installed in; pipx links the man page from there.
PLACES = {
    "bash": "share/bash-completion/completions/benchtui",
    "zsh": "share/zsh/site-functions/_benchtui",
    "fish": "share/fish/vendor_completions.d/benchtui.fish",
    "man": "share/man/man1/benchtui.1",
}


class ShellFiles(BuildHookInterface):
    """Writes them while a wheel is built; an editable installation has `benchtui man` and `completion`."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before the wheel is put together."""
        if version == "editable":
            return
        sys.path.insert(0, str(Path(self.root) / "src"))
        from benchtui.cli.completion import script
        from benchtui.cli.main import build_parser
        from benchtui.cli.manual_page import manual_page

        self._folder = TemporaryDirectory(prefix="benchtui-shell-files-")
        for kind, place in PLACES.items():
            text = manual_page(build_parser()) if kind == "man" else script(build_parser(), kind)
            file = Path(self._folder.name) / kind
            file.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(file)] = place

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called when the wheel is written."""
        if version != "editable":
            self._folder.cleanup()
