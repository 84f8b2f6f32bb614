"""Which of the mechanisms that end this instance are armed, as user data noted it."""

from __future__ import annotations

import os
from typing import Dict, Set

from job import run_dir

MECHANISMS = ("panic", "boot-guard", "softdog", "timer", "hard-stop", "locked", "shutdown", "agent-guard")


def armed(guarded: bool) -> Dict[str, str]:
    """By mechanism: ``armed``, ``not armed``, or ``not armed (why)``.

    Args:
        guarded: whether the agent has a guard.
    """
    try:
        noted = set(os.listdir(os.path.join(run_dir(), "armed")))
    except OSError:
        noted = set()
    if guarded:
        noted.add("agent-guard")
    return {name: _armed(name, noted) for name in MECHANISMS}


def _armed(name: str, noted: Set[str]) -> str:
    """What is noted of a mechanism: its name, or its name and after a colon why it could not be armed."""
    if name in noted:
        return "armed"
    why = [note[len(name) + 2 :] for note in sorted(noted) if note.startswith(name + ": ")]
    return "not armed ({})".format(why[0]) if why else "not armed"
