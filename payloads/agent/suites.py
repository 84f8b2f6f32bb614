"""Prepare and measure one suite: builds, then repetitions of its runs, and what was observed meanwhile."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Optional, Tuple

import disturbance
import observed
from building import build, copy_for_arm
from chain_clock import CAREFUL_WINDOWS, ChainClock
from commands import Commands, SuiteFailed, last_words
from disturbance import Repetition
from job import uptime_s
from process import Stop
from readings import clock_mhz
from records import Output, Records
from repetitions import Repetitions, RunSoFar, Times
from results import RawFiles


@dataclass(frozen=True)
class Variant:
    """The suite itself or one of its arms, ready to run."""

    arm: str  # "": the suite itself
    commands: Commands
    env: Dict[str, str]
    runs: Optional[List[str]]  # None: all of the mode

    @property
    def suffix(self) -> str:
        """What its metrics, checks and facts are called beside their name."""
        return ":" + self.arm if self.arm else ""


class SuiteRun:
    """One suite on this instance, in one mode."""

    def __init__(
        self,
        name: str,
        declared: Dict[str, Any],
        mode: str,
        folder: str,
        stop: Stop,
        say: Callable[[str], None],
        on_progress: Callable[[int, int], None] = lambda done, total: None,
        clock: Optional[ChainClock] = None,
    ) -> None:
        self.name, self.declared, self.mode_name = name, declared, mode
        self.mode: Dict[str, Any] = declared["modes"][mode]
        self.raw, self.records = RawFiles(), Records(self._progress)
        self.build: Dict[str, Any] = {"commands": [], "source_sha256": declared.get("source_sha256")}
        self.started = datetime.now(timezone.utc)
        self.failure: Optional[str] = None
        self.repetitions: List[Repetition] = []
        self._stop, self._say, self._on_progress = stop, say, on_progress
        self._clock = clock or ChainClock("", say)
        self._clocks: List[Dict[str, float]] = []
        self._commands = Commands(folder, mode, self.mode["params"], self.raw, stop, say)
        self._variants: List[Variant] = []
        self._cpus = os.sched_getaffinity(0)
        self._times = Times(self.mode["budget_seconds"], self.mode["timeout_seconds"])
        self._began = time.monotonic()
        self._began_uptime_s = uptime_s()
        self.setup_s = 0.0  # of the instance: from boot until all its suites were prepared
        self._steps = 0
        self._patience_s = disturbance.patience_s()

    # ---- before anything is measured

    def arms(self) -> Dict[str, Dict[str, Any]]:
        """The arms of this mode, as declared."""
        arms: Dict[str, Dict[str, Any]] = self.declared["arms"]
        return {name: arm for name, arm in arms.items() if self._in_mode(arm)}

    def decline_arm(self, arm: str, why: str) -> None:
        """Say of an arm why there is nothing of it."""
        self._say("{} arm {} declined: {}".format(self.name, arm, why))
        self.records.decline("arm " + arm, why)
        self.note("declined", {"arm " + arm: why[:500]})

    def note(self, kind: str, content: Any) -> None:
        """Keep beside the raw output what no run printed, so that the result can be made again from both."""
        self.raw.add(observed.FILE, observed.line(kind, content))

    def prepare(self, lacking_of_arms: Dict[str, str]) -> None:
        """Build the suite, then its arms. What fails is noted: an arm's failure ends the arm alone.

        Args:
            lacking_of_arms: why an arm's packages cannot be had, by arm.
        """
        try:
            arms = {
                arm: copy_for_arm(self._commands.folder, arm)
                for arm in self.arms()
                if arm not in lacking_of_arms
            }
            self.build.update(build(self.declared["build"], self._commands))
            self._variants.append(Variant("", self._commands, {}, None))
            for arm, why in lacking_of_arms.items():
                self.decline_arm(arm, why)
            for arm, folder in arms.items():
                self._prepare_arm(arm, folder)
        except Exception as error:  # a suite's trouble must not keep the next one from running
            self._fail(error)

    def _prepare_arm(self, arm: str, folder: str) -> None:
        declared = self.declared["arms"][arm]
        commands = self._commands.at(folder)
        try:
            self.build.setdefault("arms", {})[arm] = build(declared["build"], commands)
        except SuiteFailed as error:
            self.decline_arm(arm, str(error))
        else:
            self._variants.append(Variant(arm, commands, declared["env"], declared["runs"]))

    def _fail(self, error: Exception) -> None:
        self.failure = (
            str(error) if isinstance(error, SuiteFailed) else "the agent failed on it: {!r}".format(error)
        )
        self.note("failed", self.failure)

    # ---- measuring

    @property
    def budget_s(self) -> float:
        """Seconds the mode gives it before any share of the instance's time is looked at."""
        return self.mode["budget_seconds"] or 0.0

    def measure(self, times: Times) -> None:
        """Repeat the runs, interleaved, until each has ended; a failure is noted, nothing is raised."""
        self.started = datetime.now(timezone.utc)
        try:
            self._measure(times)
        except Exception as error:
            self._fail(error)

    def _measure(self, times: Times) -> None:
        self._began, self._times = time.monotonic(), times
        self._began_uptime_s = uptime_s()
        before = clock_mhz()
        runs = {
            declared["name"] + variant.suffix: (variant, declared)
            for declared in self.declared["runs"]
            for variant in self._variants
            if self._in_mode(declared) and (variant.runs is None or declared["name"] in variant.runs)
        }
        self._steps = len(runs)
        so_far = [RunSoFar(name, declared["repeat"]) for name, (_, declared) in runs.items()]
        schedule = Repetitions(so_far, self.mode, times)
        self._read_clock(CAREFUL_WINDOWS)
        try:
            while (run := self._next(schedule)) is not None:
                self._repeat(run, *runs[run.name])
            self._read_clock(CAREFUL_WINDOWS)
        finally:
            self._report(so_far, before)

    def _next(self, schedule: Repetitions) -> Optional[RunSoFar]:
        if self._stop:
            raise SuiteFailed(self._stop.reason)
        waited = sum(one.waited_s for one in self.repetitions)
        measured = sum(one.wall_s for one in self.repetitions)
        return schedule.next(
            time.monotonic() - self._began,
            measured_s=measured,
            waited_s=waited,
            room=not self.records.full,
        )

    def _repeat(self, run: RunSoFar, variant: Variant, declared: Dict[str, Any]) -> None:
        number = len(run.seconds)
        calm, waited = self._wait_for_calm()
        self._read_clock()
        before = disturbance.read(self._cpus)
        self.records.start_run(declared["name"], number, variant.suffix)
        self._one_process(run.name, number, variant, declared)
        after = disturbance.read(self._cpus)
        self._read_clock()
        repetition = disturbance.observe(run.name, number, self._cpus, before, after, calm, waited)
        self.repetitions.append(repetition)
        self.raw.add(observed.FILE, observed.repetition_line(repetition))
        run.add(repetition.wall_s, self.records.medians())
        if self._times.budget_s is not None:
            self._progress(1, 1)

    def _wait_for_calm(self) -> Tuple[bool, float]:
        """Whether it is calm, and the seconds waited for that."""
        longest = disturbance.patience_s()
        # What was seen during the last repetition is a window too, and costs nothing of the budget.
        if self.repetitions and disturbance.long_enough(self.repetitions[-1]):
            if disturbance.was_calm(self.repetitions[-1], self._cpus):
                self._patience_s = longest
                return True, 0.0
            if self._patience_s <= 0:
                return False, 0.0
        calm, waited = disturbance.wait_for_calm(self._cpus, self._stop, self._patience_s)
        # Where calm did not come, a look is enough until it does: waiting each time would take the budget.
        self._patience_s = longest if calm else min(longest, 0.0)
        return calm, waited

    def _one_process(self, name: str, number: int, variant: Variant, declared: Dict[str, Any]) -> None:
        commands = variant.commands
        argv = commands.fill(declared["argv"])
        self._say("run {}, repetition {}: {}".format(name, number, " ".join(argv)))
        file = "{}.{}".format(name, number)
        output = Output(self.records, lambda chunk: self.raw.add(file + ".stdout", chunk))
        env = commands.environment({**declared["env"], **variant.env}, number)
        left_s = self._times.limit_s - sum(one.wall_s for one in self.repetitions)
        ended, tail = commands.run(argv, env, left_s, output.feed, file + ".stderr")
        self._say("run {}, repetition {}: {}, {:.1f} s".format(name, number, ended, ended.seconds))
        if ended.cut == "timeout":
            raise SuiteFailed("run {} exceeded the time limit of {:g} s".format(name, self._times.limit_s))
        if ended.cut not in (None, "stop"):
            raise SuiteFailed("garbage on standard output: {}".format(ended.cut))
        if not ended.ok:
            raise SuiteFailed("run {} {}{}".format(name, ended, last_words(ended, tail)))
        garbage = output.end()
        if garbage is not None:
            raise SuiteFailed("garbage on standard output: " + garbage)

    def _in_mode(self, declared: Dict[str, Any]) -> bool:
        return declared["modes"] is None or self.mode_name in declared["modes"]

    def _read_clock(self, windows: Optional[int] = None) -> None:
        clock = self._clock.read(windows) if windows else self._clock.read()
        if clock is not None:
            self._clocks.append(clock)
            self.note("clock", clock)

    def _progress(self, done: int, total: int) -> None:
        """Seconds of the budget, or without one each run taken as equally long."""
        if self._times.budget_s is not None:
            elapsed = min(time.monotonic() - self._began, self._times.budget_s)
            self._on_progress(int(elapsed), max(1, int(self._times.budget_s)))
        elif total and total * self._steps <= 999_999:
            self._on_progress(len(self.repetitions) * total + done, total * self._steps)

    # ---- what came of it

    def _report(self, runs: List[RunSoFar], clocks_before: Optional[List[float]]) -> None:
        told = {
            "clock_mhz_before": clocks_before,
            "clock_mhz_after": clock_mhz(),
            "measured_seconds": round(sum(one.wall_s for one in self.repetitions), 3),
            "waited_seconds": round(sum(one.waited_s for one in self.repetitions), 3),
            "elapsed_seconds": round(time.monotonic() - self._began, 3),
            "setup_seconds": round(self.setup_s, 1),
            "started_uptime_seconds": round(self._began_uptime_s, 2),
            "ended_uptime_seconds": round(uptime_s(), 2),
            "budget_seconds": self._times.budget_s and round(self._times.budget_s, 1),
            "least_measuring_seconds": round(self._times.least_s, 1),
        }
        self.note("runs", [{"name": run.name, "stop": run.stop} for run in runs])
        self.note("observed", told)
        observed.conclude(self.records, runs, self.repetitions, self._clocks, told)
