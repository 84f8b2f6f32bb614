"""What a client that stays can ask of the engine, and what of it changes nothing in the account."""

from __future__ import annotations

from enum import StrEnum

from benchtui.core.errors import BenchtuiError, ExitCode


class Command(StrEnum):
    """What a client can ask for; the words are those of the headless commands."""

    RUNS = "runs"
    WATCH = "watch"
    PLAN = "plan"
    TYPES = "types"
    STATUS = "status"
    LOG = "log"
    COLLECT = "collect"
    COMPARE = "compare"
    HISTORY = "history"
    SWEEP = "sweep"
    SURVEY = "survey"
    RUN = "run"
    KILL = "kill"


#: Everything that changes nothing in the account. What is not listed here is refused when read-only.
READING = frozenset(
    {
        Command.RUNS,
        Command.WATCH,
        Command.PLAN,
        Command.TYPES,
        Command.STATUS,
        Command.LOG,
        Command.COLLECT,
        Command.COMPARE,
        Command.HISTORY,
        Command.SWEEP,
        Command.SURVEY,
    }
)
EVERYTHING = frozenset(Command)


class ReadOnlyError(BenchtuiError):
    """The command acts, and this client may only read."""

    exit_code = ExitCode.USAGE
