"""The CPU's clock, read by the little program of common/clock.c."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Callable, Dict, Optional

COMPILERS = ("gcc", "clang", "cc")
BUILD_TIMEOUT_S = 60.0
READ_TIMEOUT_S = 5.0
CAREFUL_WINDOWS = 20
QUICK_WINDOWS = 5


class ChainClock:
    """Built once for all suites; without a compiler every reading is None."""

    def __init__(self, common: str, say: Callable[[str], None]) -> None:
        self._common, self._say = common, say
        self._program: Optional[str] = None

    def build(self) -> None:
        """Compile it; a failure is told in the log and costs nothing but the readings."""
        compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
        source = os.path.join(self._common, "clock.c")
        if compiler is None or not os.path.exists(source):
            return
        program = os.path.join(self._common, "clock")
        argv = [compiler, "-std=c11", "-D_GNU_SOURCE", "-O2", source, "-o", program, "-lm"]
        try:
            subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=BUILD_TIMEOUT_S, check=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            self._say("the clock cannot be measured: {}".format(error))
            return
        self._program = program

    def read(self, windows: int = QUICK_WINDOWS) -> Optional[Dict[str, float]]:
        """Greatest, mean and least clock of ``windows`` windows of 0.8 ms, in MHz; None if not known."""
        if self._program is None:
            return None
        try:
            said = subprocess.run(
                [self._program, str(windows)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=READ_TIMEOUT_S,
                check=True,
            )
            clock = {name: float(value) for name, value in json.loads(said.stdout).items()}
            return clock if min(clock["mhz_max"], clock["mhz_mean"]) > 0 else None
        except (OSError, subprocess.SubprocessError, ValueError, TypeError, KeyError, AttributeError):
            return None
