"""What the application starts with, and how the engine's word reaches it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from textual.message import Message

from benchtui.config.schema import Config
from benchtui.engine.operations import Update


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
    flags: str = ""  # what a headless command needs to do the same: " --local", " --bucket NAME"
    config_file: Path | None = None
    state_dir: Path = Path()
    read_only: bool = False
    run: str | None = None  # to follow; None: the newest of the bucket


class EngineTold(Message):
    """The engine told something."""

    def __init__(self, update: Update) -> None:
        super().__init__()
        self.update = update
