"""What the application starts with, and how the engine's word reaches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from benchtui.config.schema import Config
    from benchtui.engine.updates import Update
    from benchtui.tui.link import EngineLink


@dataclass(frozen=True, slots=True)
class Look:
    """How it looks and what its keys are."""

    theme: str = "textual-dark"
    ascii: bool = False
    keys: dict[str, str] = field(default_factory=dict)  # by binding id


PLAIN = Look()


@dataclass(frozen=True, slots=True)
class Start:
    """What it starts with."""

    config: Config
    engine: EngineLink
    look: Look = PLAIN
    flags: str = ""  # what a headless command needs to do the same: " --local", " --bucket NAME"
    config_file: Path | None = None
    state_dir: Path = Path()
    read_only: bool = False
    run: str | None = None  # to follow; None: the newest of the bucket


#: Reads the configuration and makes the engine: takes its time, so it is called after the first paint.
Prepare = Callable[[], Start]


class EngineTold(Message):
    """The engine told something."""

    def __init__(self, update: Update) -> None:
        super().__init__()
        self.update = update
