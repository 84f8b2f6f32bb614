"""What was observed while a suite ran, as the facts of its result, and line by line in its raw output.

Everything in a result that is not what a run printed is made here from what is kept in ``observed.jsonl``: so
anyone can make the result again from its raw output (reparse.py does).
"""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict
from typing import Any, Dict, List, Sequence

import disturbance
from disturbance import Repetition
from records import Records
from repetitions import WHY, RunSoFar

FILE = "observed.jsonl"
WIDEST = 20  # intervals in a run's fact


def line(kind: str, content: Any) -> bytes:
    """One line of the file."""
    return (json.dumps({kind: content}, separators=(",", ":"), allow_nan=False) + "\n").encode()


def repetition_line(repetition: Repetition) -> bytes:
    """A repetition, before it is compared with the others of its run."""
    return line("repetition", asdict(repetition))


def conclude(
    records: Records,
    runs: Sequence[RunSoFar],
    repetitions: Sequence[Repetition],
    clocks: Sequence[Dict[str, float]],
    observed: Dict[str, Any],
) -> None:
    """Label what was disturbed and add the facts that the agent itself has to tell.

    Args:
        records: of all runs.
        runs: how often each was repeated, and why it ended.
        repetitions: in the order they were made; get the reasons that only a comparison shows.
        clocks: readings of the CPU's clock.
        observed: times and clocks of the suite as a whole.
    """
    disturbance.compare(repetitions)
    records.label({(one.run, one.number): "; ".join(one.reasons) for one in repetitions})
    for run in runs:
        records.facts["repetitions." + run.name] = _repeated(run)
    records.facts["disturbance"] = disturbance.verdict(repetitions, clocks)
    records.facts["observed"] = observed


def _repeated(run: RunSoFar) -> Dict[str, Any]:
    widths = {metric: round(width, 5) for metric, width in run.widths().items() if width is not None}
    widest = sorted(widths.items(), key=lambda item: -item[1])[:WIDEST]
    return {
        "count": len(run.seconds),
        "stopped": run.stop and "{}: {}".format(run.stop, WHY[run.stop]),
        "seconds": round(sum(run.seconds), 3),
        "longest_seconds": round(max(run.seconds, default=0.0), 3),
        "median_seconds": round(statistics.median(run.seconds), 3) if run.seconds else None,
        "half_width_of_95_percent_interval": dict(widest),
    }


class Kept:
    """What the lines of the file say."""

    def __init__(self, content: bytes) -> None:
        self.repetitions: List[Repetition] = []
        self.clocks: List[Dict[str, float]] = []
        self.runs: List[Dict[str, Any]] = []  # name and why it ended, in the order of the suite
        self.observed: Any = None  # None: it did not come to its conclusion
        self.declined: Dict[str, str] = {}
        self.failed: Any = None
        self.ended: Any = None  # why the job ended it from outside
        for number, text in enumerate(content.splitlines(), 1):
            try:
                ((kind, said),) = json.loads(text).items()
                self._take(kind, said)
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                raise ValueError("line {} of {} is not one of its lines".format(number, FILE)) from error

    def _take(self, kind: str, said: Any) -> None:
        if kind == "repetition":
            self.repetitions.append(Repetition(**said))
        elif kind == "clock":
            self.clocks.append(said)
        elif kind == "runs":
            self.runs = [{"name": one["name"], "stop": one["stop"]} for one in said]
        elif kind == "observed":
            self.observed = said
        elif kind == "declined":
            self.declined.update(said)
        elif kind == "failed":
            self.failed = said
        elif kind == "ended":
            self.ended = said
