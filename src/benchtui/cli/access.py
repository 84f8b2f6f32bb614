"""From parsed arguments to an account, for commands that end instances: in haste, and without a plan."""

from __future__ import annotations

import argparse
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.cli.arguments import typed_flags
from benchtui.config.access import Access, quick_access
from benchtui.core.garbage import collector_at_rest

if TYPE_CHECKING:
    from benchtui.engine.connection import Connection
    from benchtui.engine.events import Emit


def prepare() -> None:
    """Import what ends instances, with the garbage collector at rest.

    All that is imported stays, and to look through it again and again takes a tenth of the time to the first
    request.
    """
    with collector_at_rest():
        import benchtui.engine.connection  # noqa: F401


def read(arguments: argparse.Namespace) -> Access:
    """Which account a command was given; with ``--local`` the local cloud runs when this returns.

    Raises:
        ConfigError: ``[aws]`` cannot be used, or its file cannot be read; with every problem of every source.
        BenchtuiError: the local cloud does not start.
    """
    if not arguments.local:
        access = quick_access(arguments.config, os.environ, typed_flags(arguments), Path.cwd())
        if access is not None:
            return access
    from benchtui.cli.settings import read as read_all

    return Access.of(read_all(arguments).config.aws)


def connect(access: Access, emit: Emit) -> Connection:
    """The engine, as far as ending instances needs it."""
    from benchtui.engine.clock import SystemClock
    from benchtui.engine.connection import Connection

    return Connection(access, SystemClock(), random.SystemRandom(), emit)
