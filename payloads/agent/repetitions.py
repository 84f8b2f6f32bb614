"""How often each run of a suite is repeated: until its figures are precise, or the time is used up.

A repetition is one process of a run: where memory lands and what a planner chooses differ between
processes, so the spread that counts lies between them. Runs are interleaved, round by round, so that
a slow change of the machine meets all of them alike.
"""

from __future__ import annotations

import math
import statistics
from typing import Any, Dict, List, Optional, Sequence

#: Two-sided 95 % quantiles of Student's t by degrees of freedom, 1 to 30; beyond, the next lower one is used.
T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip

PRECISE, BUDGET, ONCE, SHARE, DEADLINE, ROOM = "precise", "budget", "once", "share", "deadline", "room"
WHY = {
    PRECISE: "every interval is as narrow as asked for",
    BUDGET: "another repetition would have ended after the budget",
    ONCE: "it is run once",
    SHARE: "measuring is the share of the instance's time that was asked for",
    DEADLINE: "another repetition might not have ended before the instance's deadline",
    ROOM: "the result has no room for more samples",
}


def half_width(values: Sequence[float]) -> Optional[float]:
    """Half the 95 % t-interval of the mean, relative to the mean; None if it is not known.

    Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.2 (confidence limits for the mean).
    """
    if len(values) < 2:
        return None
    mean = statistics.fmean(values)
    if mean == 0 or not math.isfinite(mean):
        return None
    t = T95[min(len(values) - 1, len(T95)) - 1]
    return t * statistics.stdev(values) / math.sqrt(len(values)) / abs(mean)


class RunSoFar:
    """One run of the suite: its repetitions' seconds and their medians by metric."""

    def __init__(self, name: str, repeat: bool) -> None:
        self.name, self.repeat = name, repeat
        self.seconds: List[float] = []
        self.medians: Dict[str, List[float]] = {}
        self.stop: Optional[str] = None

    def add(self, seconds: float, medians: Dict[str, float]) -> None:
        """One more repetition."""
        self.seconds.append(seconds)
        for metric, median in medians.items():
            self.medians.setdefault(metric, []).append(median)

    def widths(self) -> Dict[str, Optional[float]]:
        """Relative half-width of each metric's interval."""
        return {metric: half_width(values) for metric, values in self.medians.items()}

    def precise(self, floor: int, precision: Optional[float]) -> bool:
        """Whether ``floor`` repetitions were made and every interval is narrow enough."""
        if precision is None or len(self.seconds) < floor:
            return False
        widths = list(self.widths().values())
        return all(width is not None and width <= precision for width in widths)


class Repetitions:
    """Chooses which run comes next, by what the mode asks for."""

    def __init__(self, runs: Sequence[RunSoFar], mode: Dict[str, Any], budget_s: Optional[float]) -> None:
        """``budget_s``: the mode's budget, or more if measuring shall be a share of the instance's time."""
        self._runs, self._floor = runs, mode["floor"]
        self._precision: Optional[float] = mode["precision"]
        self._share: Optional[float] = mode["measuring_share"]
        self._budget_s = budget_s
        self._turn = 0

    def next(
        self, elapsed_s: float, measured_s: float, waited_s: float, left_s: float, room: bool
    ) -> Optional[RunSoFar]:
        """The run to repeat now; None when every one has ended.

        Args:
            elapsed_s: seconds since the first repetition began.
            measured_s: seconds that repetitions took.
            waited_s: seconds waited for calm; they are no measuring, so a share is asked of them as well.
            left_s: seconds until the instance has to be done.
            room: whether the result can take more samples.
        """
        for _ in range(len(self._runs)):
            run = self._runs[self._turn % len(self._runs)]
            self._turn += 1
            if run.stop is None:
                run.stop = self._reason(run, elapsed_s, measured_s, waited_s, left_s, room)
            if run.stop is None:
                return run
        return None

    def _reason(
        self, run: RunSoFar, elapsed_s: float, measured_s: float, waited_s: float, left_s: float, room: bool
    ) -> Optional[str]:
        if not run.seconds:
            return None
        if not run.repeat or self._budget_s is None:
            return ONCE
        if not room:
            return ROOM
        # The longest so far: a budget is a promise, and a slow repetition may come again.
        longest = max(run.seconds)
        if longest > left_s:
            return DEADLINE
        if self._share is not None:
            enough = self._budget_s + self._share / (1.0 - self._share) * waited_s
            return SHARE if measured_s >= enough else None
        if run.precise(self._floor, self._precision):
            return PRECISE
        return BUDGET if elapsed_s + longest > self._budget_s else None


def share_of(mode: Dict[str, Any], setup_s: float, budgets_s: float) -> float:
    """How many times its budget a suite may take so that measuring is ``measuring_share`` of the time.

    Args:
        mode: the suite's.
        setup_s: seconds from boot until everything was prepared.
        budgets_s: the budgets of all suites of the job together.
    """
    share = mode["measuring_share"]
    if share is None or budgets_s <= 0:
        return 1.0
    return max(1.0, share / (1.0 - share) * setup_s / budgets_s)
