"""From parsed arguments to settings, and from settings to a workspace."""

from __future__ import annotations

import argparse
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.cli.arguments import repeated, typed_flags
from benchtui.config import paths
from benchtui.config.load import Loaded, load
from benchtui.config.schema import Config
from benchtui.config.sources import Flag

if TYPE_CHECKING:
    from benchtui.engine.events import Emit
    from benchtui.engine.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Settings:
    """What a command works with."""

    config: Config
    loaded: Loaded  # as the sources have it, before --local
    state: Path
    cache: Path
    rng: random.Random
    flags: str = ""  # which account, as it was typed: for commands that are suggested
    looks: bool = True  # this command looks for expired instances beside its work


def read(arguments: argparse.Namespace, *, use_local: bool = True) -> Settings:
    """The settings a command was given; with ``--local`` the local cloud runs when this returns.

    Args:
        arguments: as parsed.
        use_local: False: the caller starts the local cloud itself, once there is something on the screen.

    Raises:
        ConfigError: with every problem of every source.
        BenchtuiError: the local cloud does not start.
    """
    flags = typed_flags(arguments)
    if "aws.regions" in flags:  # the one region that was typed beats those that a file names
        flags["plan.regions"] = Flag(flags["aws.regions"].spelling, "")
    loaded = load(arguments.config, os.environ, flags, Path.cwd())
    config = loaded.config
    cache = paths.cache_dir(os.environ)
    state = paths.state_dir(os.environ)
    if arguments.local:
        from benchtui.cli import local_cloud

        config = local_cloud.settings(loaded)
        # Its prices are its own and must never be taken for AWS's.
        cache = cache / "local"
        if use_local:
            local_cloud.use()
    looks = getattr(arguments, "looks", True)
    return Settings(config, loaded, state, cache, random.SystemRandom(), repeated(arguments), looks)


def open_workspace(settings: Settings, emit: Emit) -> Workspace:
    """The engine over these settings."""
    from benchtui.engine.clock import SystemClock
    from benchtui.engine.workspace import Folders, Workspace

    if settings.looks:
        from benchtui.cli import sweeping

        sweeping.begin(settings, settings.flags)
    folders = Folders(settings.state, settings.cache, settings.config.output.results_dir)
    return Workspace(settings.config, folders, SystemClock(), settings.rng, emit)


def seed_of(settings: Settings) -> int:
    """The seed of the launch order: as given, else a new one."""
    from benchtui.core.plan import draw_seed

    given = settings.config.plan.seed
    return draw_seed(settings.rng) if given is None else given
