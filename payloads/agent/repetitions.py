"""How often each run of a suite is repeated: until its figures are precise, or the time is used up.

A repetition is one process of a run: where memory lands and what a planner chooses differ between
processes, so the spread that counts lies between them. Runs are interleaved, round by round, so that
a slow change of the machine meets all of them alike.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
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
    SHARE: "it is precise, and measuring is the share of the instance's time that was asked for",
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
        self.kept_on = False  # precise, and repeated further for the share of measuring

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


@dataclass(frozen=True)
class Times:
    """What one suite may take, in seconds; None: it has no budget, each run is made once."""

    budget_s: Optional[float]  # no further repetition starts that would end later
    limit_s: float  # all processes together; a process that exceeds it fails the suite
    least_s: float = 0.0  # to be measured even beyond precision, so that the instance was worth its set-up
    longest_s: float = math.inf  # its part of the time until the instance has to be done


def times_of(mode: Dict[str, Any], setup_s: float, budgets_s: float, still_s: float, left_s: float) -> Times:
    """What a suite may take, as its mode and the instance's other suites leave it.

    Measuring is the share p of the instance's time when it is p / (1 - p) times the rest of it; each suite
    takes the part of that which its budget is of all budgets.

    Args:
        mode: the suite's.
        setup_s: seconds from boot until everything was prepared, and what comes after measuring.
        budgets_s: the budgets of all suites of the job together.
        still_s: those of the suites that are not measured yet, this one included.
        left_s: seconds until the instance has to be done.
    """
    budget_s, limit_s, share = mode["budget_seconds"], mode["timeout_seconds"], mode["measuring_share"]
    if budget_s is None:
        return Times(None, limit_s, longest_s=max(0.0, left_s))
    longest_s = max(0.0, left_s) * budget_s / still_s
    least_s = 0.0 if share is None else _beside(share) * setup_s * budget_s / budgets_s
    least_s = min(least_s, longest_s)
    factor = max(1.0, least_s / budget_s)
    return Times(budget_s * factor, limit_s * factor, least_s, longest_s)


def _beside(share: float) -> float:
    """Seconds of measuring that make one second of something else the rest beside the share."""
    return share / (1.0 - share)


class Repetitions:
    """Chooses which run comes next, by what the mode asks for."""

    def __init__(self, runs: Sequence[RunSoFar], mode: Dict[str, Any], times: Times) -> None:
        self._runs, self._times = runs, times
        self._floor: int = mode["floor"]
        self._precision: Optional[float] = mode["precision"]
        self._share: Optional[float] = mode["measuring_share"]
        self._turn = 0

    def next(self, elapsed_s: float, measured_s: float, waited_s: float, room: bool) -> Optional[RunSoFar]:
        """The run to repeat now; None when every one has ended.

        Args:
            elapsed_s: seconds since the first repetition began.
            measured_s: seconds that repetitions took.
            waited_s: seconds waited for calm; they are no measuring, so a share is asked of them as well.
            room: whether the result can take more samples.
        """
        for _ in range(len(self._runs)):
            run = self._runs[self._turn % len(self._runs)]
            self._turn += 1
            if run.stop is None:
                run.stop = self._reason(run, elapsed_s, measured_s, waited_s, room)
            if run.stop is None:
                return run
        return None

    def _reason(
        self, run: RunSoFar, elapsed_s: float, measured_s: float, waited_s: float, room: bool
    ) -> Optional[str]:
        times = self._times
        if not run.seconds:
            return None
        if not run.repeat or times.budget_s is None:
            return ONCE
        if not room:
            return ROOM
        # The deadline must hold for the longest so far; for a budget the last tells best what comes next.
        if elapsed_s + max(run.seconds) > times.longest_s:
            return DEADLINE
        precise = run.precise(self._floor, self._precision)
        if self._share is not None and measured_s < times.least_s + _beside(self._share) * waited_s:
            run.kept_on = run.kept_on or precise
            # Where calm is long in coming, waiting would ask for measuring without end.
            return BUDGET if elapsed_s + run.seconds[-1] > self._share_limit_s() else None
        if precise:
            return SHARE if run.kept_on else PRECISE
        if self._share is not None and self._precision is None:
            return SHARE
        return BUDGET if elapsed_s + run.seconds[-1] > times.budget_s else None

    def _share_limit_s(self) -> float:
        return min(2.0 * (self._times.budget_s or 0.0), self._times.limit_s)
