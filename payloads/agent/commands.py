"""Commands of a suite: placeholders, a clean environment, and what they say, kept and told."""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, List, Optional, Tuple

from process import Ended, Stop, run
from readings import usable_cpus, usable_memory_bytes
from results import RawFiles

PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
STDERR_LOG_LINES = 40  # of each command's standard error in the log; all of it is in raw.tar.gz


class SuiteFailed(Exception):
    """The suite did not come to its end."""


class Commands:
    """Runs commands in one folder, with a mode's parameters filled in."""

    def __init__(
        self,
        folder: str,
        mode: str,
        params: Dict[str, Any],
        raw: RawFiles,
        stop: Stop,
        say: Callable[[str], None],
    ) -> None:
        self.folder, self.raw, self.say = folder, raw, say
        self._mode, self._params, self._stop = mode, params, stop

    def at(self, folder: str) -> "Commands":
        """The same in another folder."""
        return Commands(folder, self._mode, self._params, self.raw, self._stop, self.say)

    def fill(self, words: List[str]) -> List[str]:
        """``words`` with each ``{name}`` replaced by its parameter."""
        return [PLACEHOLDER.sub(lambda found: str(self._params[found.group(1)]), word) for word in words]

    def environment(self, own: Dict[str, str], repetition: int = 0) -> Dict[str, str]:
        """A clean environment: nothing of the agent's, so that no setting of an image reaches a number."""
        clean = {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "LC_ALL": "C",
            "HOME": self.folder,
            "BENCHTUI_CPUS": str(usable_cpus()),
            "BENCHTUI_MODE": self._mode,
            "BENCHTUI_REPETITION": str(repetition),
        }
        memory = usable_memory_bytes()
        if memory is not None:
            clean["BENCHTUI_MEMORY_BYTES"] = str(memory)
        for name, value in own.items():
            clean[name] = self.fill([value])[0]
        return clean

    def run(
        self,
        argv: List[str],
        env: Dict[str, str],
        timeout_s: float,
        on_stdout: Callable[[bytes], Optional[str]],
        stderr_file: str,
    ) -> Tuple[Ended, "Tail"]:
        """One command, its standard error kept in ``stderr_file`` of the raw files and its end in the log."""
        tail = Tail(lambda chunk: self.raw.add(stderr_file, chunk))
        ended = run(argv, self.folder, env, timeout_s, self._stop, on_stdout, tail.take)
        self._log(tail)
        return ended, tail

    def build(self, argv: List[str], timeout_s: float) -> None:
        """One build command; all it says goes to build.log.

        Raises:
            SuiteFailed: it failed.
        """
        shown = " ".join(argv)
        self.say("build: " + shown)
        self.raw.add("build.log", "$ {}\n".format(shown).encode())
        tail = Tail(lambda chunk: self.raw.add("build.log", chunk))
        ended = run(argv, self.folder, self.environment({}), timeout_s, self._stop, tail.take, tail.take)
        self._log(tail)
        if not ended.ok:
            raise SuiteFailed("build: {} {}{}".format(argv[0], ended, last_words(ended, tail)))

    def _log(self, tail: "Tail") -> None:
        for line in tail.lines()[-STDERR_LOG_LINES:]:
            self.say("  " + line)


class Tail:
    """The end of a stream, for the log and for the reason of a failure; ``keep`` gets all of it."""

    def __init__(self, keep: Callable[[bytes], None]) -> None:
        self._keep = keep
        self._kept = b""

    def take(self, chunk: bytes) -> None:
        """Add bytes, forget old ones."""
        self._keep(chunk)
        self._kept = (self._kept + chunk)[-8192:]

    def lines(self) -> List[str]:
        """The last lines, at most 8 KiB."""
        return self._kept.decode("utf-8", "replace").splitlines()


def last_words(ended: Ended, tail: Tail) -> str:
    """What a failed command said last; a compiler's error is worth more than its exit code."""
    if ended.cut is not None:
        return ""
    lines = [line.strip() for line in tail.lines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower()] or lines
    return ": " + telling[-1][:300] if telling else ""
