"""`benchtui` without a command: the terminal application over the same engine."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import repeated
from benchtui.core.errors import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from benchtui.cli.settings import Settings
    from benchtui.engine.events import Emit
    from benchtui.engine.operations import Operations
    from benchtui.engine.updates import Tell, Update
    from benchtui.engine.workspace import Workspace
    from benchtui.tui.app import BenchtuiApp
    from benchtui.tui.start import Look, Start
    from benchtui.tui.told import Told

#: A process told to end is gone soon: the engine gets this long for what it has in hand, seconds.
GRACE_AFTER_SIGNAL = 1.0


def add(parser: argparse.ArgumentParser) -> None:
    """The application's own flags, given without a command."""
    group = parser.add_argument_group("terminal application, without a command")
    group.add_argument("--run", metavar="RUN", dest="follow", help="follow this run; default the newest")
    group.add_argument(
        "--read-only", action="store_true", help="refuse every command that acts: launch and kill"
    )
    group.add_argument("--ascii", action="store_true", help="draw with ASCII alone")
    group.add_argument("--theme", choices=("auto", "dark", "light", "ansi"), help="colours")


def wanted() -> bool:
    """Whether this is a terminal somebody sits at."""
    return bool(sys.stdin and sys.stdout and sys.stdin.isatty() and sys.stdout.isatty())


def execute(arguments: argparse.Namespace) -> int:
    """Open it; returns when it was left and what it started is settled.

    Raises:
        UsageError: the terminal cannot show it.
    """
    from benchtui.tui import terminal

    terminal.refuse_unfit(os.environ)

    from benchtui.tui.app import BenchtuiApp
    from benchtui.tui.glyphs import speaks_unicode
    from benchtui.tui.start import Look

    look = Look(
        theme=terminal.theme_for(os.environ, arguments.theme or "auto"),
        ascii=arguments.ascii or not speaks_unicode(),
    )
    app = BenchtuiApp(partial(_start, arguments, look), look)
    choice = app.run()
    if app.failure is not None:
        raise app.failure
    if not app.panes:  # left before there was anything
        return app.return_code or 0
    return _leave(app, choice or "leave", app.return_code or 0)


def _start(arguments: argparse.Namespace, look: Look) -> Start:
    """Read the configuration; the engine connects in a thread of its own.

    Raises:
        ConfigError: with every problem of every source.
    """
    from dataclasses import replace

    from benchtui.cli.settings import read
    from benchtui.tui import terminal
    from benchtui.tui.link import EngineThread
    from benchtui.tui.start import Start

    arguments.looks = False  # the engine sweeps each minute, and the header shows what it finds
    settings = read(arguments, use_local=False)
    shown = settings.config.tui
    return Start(
        config=settings.config,
        engine=EngineThread(lambda tell: _operations(settings, arguments, tell)),
        look=replace(
            look,
            theme=terminal.theme_for(os.environ, arguments.theme or shown.theme),
            ascii=look.ascii or shown.ascii,
            keys=dict(shown.keys),
        ),
        flags=repeated(arguments),
        config_file=settings.loaded.project_file,
        state_dir=settings.state,
        read_only=arguments.read_only,
        run=arguments.follow,
    )


def _operations(settings: Settings, arguments: argparse.Namespace, tell: Tell) -> Operations:
    """In the engine's thread: start the local cloud if asked to, import the SDK, connect."""
    from benchtui.engine.commands import EVERYTHING, READING
    from benchtui.engine.operations import Operations

    if arguments.local:
        from benchtui.cli import local_cloud

        local_cloud.use()

    def opened(emit: Emit) -> Workspace:
        from benchtui.cli.settings import open_workspace

        return open_workspace(settings, emit)

    allowed = READING if arguments.read_only else EVERYTHING
    return Operations(opened, tell, allowed, find=arguments.follow is None)


def _leave(app: BenchtuiApp, choice: str, code: int) -> int:
    """Settle what was started, say what lives on; returns the exit code."""
    from benchtui.tui.link import EngineThread

    engine, told = app.engine, app.told
    assert isinstance(engine, EngineThread)
    launched: dict[str, datetime] = {}
    engine.deliver_to(lambda update: _narrate(update, told, launched, app.clock()))
    engine.leave()
    if choice not in ("leave", "kill"):  # a signal
        engine.wait(GRACE_AFTER_SIGNAL)
        line, code = _last(told, launched, app.clock(), code)
        diagnostics.say(f"{choice}: {line}")
        return code
    if engine.unfinished:
        diagnostics.say(
            "finishing what was started: launches settle, kills go on to their proof; Ctrl-C leaves"
        )
    try:
        with _torn_away():
            engine.wait()
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except _Signalled as torn:
        line, code = _last(told, launched, app.clock(), 128 + torn.number)
        diagnostics.say(f"{signal.Signals(torn.number).name}: {line}")
        return code
    line, code = _last(told, launched, app.clock(), code)
    output.text(line + "\n")
    return code


def _last(told: Told, launched: dict[str, datetime], now: datetime, code: int) -> tuple[str, int]:
    """The line that is left behind and the exit code, by all that was told until now."""
    from benchtui.engine.farewell import exit_code, farewell

    kills = tuple(told.kills.values())
    begun = {run: now for run in told.launching} | launched
    line = farewell(told.run, told.live, told.sweep, kills, told.flags, now=now, launched=begun)
    return line, exit_code(told.live, kills, now, code)


class _Signalled(BaseException):
    """A signal came while the engine was waited for."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def _torn_away() -> Iterator[None]:
    """Meanwhile SIGTERM and SIGHUP end the wait; what the caller has set to be ignored stays so."""

    def torn(number: int, _: object) -> None:
        raise _Signalled(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, torn)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _narrate(update: Update, told: Told, launched: dict[str, datetime], now: datetime) -> None:
    """What the engine still tells once the application has gone: said, and kept for the last line."""
    from benchtui.core.text import clean_line
    from benchtui.engine.events import Event
    from benchtui.engine.narration import words
    from benchtui.engine.updates import Launching

    if isinstance(update, Event):
        said = words(update)
        if said is not None:
            diagnostics.say(clean_line(said, 400))
        return
    told.hear(update, now)
    if isinstance(update, Launching) and not update.active:
        launched[update.run] = now
