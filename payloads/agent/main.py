"""The agent: runs a job's suites, tells the bucket about it, and powers off whatever happened."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any, Dict, List, Optional

from keys import JobState, Progress, system_key

import power
import results
import system
from heartbeat import Heartbeat
from imds import Imds, ImdsUnavailable
from job import Job, run_dir, work_dir
from joblog import JobLog
from objects import Objects, StoreError
from packages import Installer
from process import Stop, adopt_orphans
from sentinels import Sentinels, Spool
from suites import SuiteRun, run_suite
from system import Observed

MECHANISMS = ("panic", "boot-guard", "softdog", "timer", "hard-stop", "shutdown", "agent-guard")
#: After the deadline the agent has this long for its last words; the timer of user data is not much later.
LAST_WORDS_S = 25.0
FINAL_UPLOAD_S = 60.0  # when it ends by itself: there is time, but power-off waits for no network
# After the emergency sentinel of user data (45 s past the deadline), before its forced power-off (60 s).
GUARD_GRACE_S = 55.0
NEAR_DEADLINE_S = 30.0  # a SIGTERM this near the deadline is the deadline's timer
NOT_RUN = "the job ended before it was run"
Outcomes = Dict[str, Dict[str, Optional[str]]]


class Agent:
    """One job on this instance."""

    def __init__(self, job: Job, log: JobLog, stop: Stop) -> None:
        self.job, self.log, self.stop = job, log, stop
        self.imds = Imds()
        self.objects = Objects(job.bucket, job.region, self.imds, say=log.say)
        self.sentinels = Sentinels(
            job.run, job.job, self.objects, Spool(os.path.join(run_dir(), "sentinels")), say=log.say
        )
        self.outcomes: Outcomes = {suite: {"outcome": "declined", "reason": NOT_RUN} for suite in job.suites}
        self.heartbeat = Heartbeat(
            job, self.objects, self.sentinels, log, lambda why: stop.set(JobState.KILLED.value, why)
        )

    def run(self, guarded: bool) -> None:
        """From BOOTED to the last suite."""
        identity = self._identity()
        observed = system.observe(identity)
        self.sentinels.emit(
            JobState.BOOTED,
            instance_id=observed.instance_id,
            instance_type=observed.instance_type,
            region=observed.region,
            zone=observed.zone,
            image_id=observed.image_id,
            detail="provider {}, {}".format(observed.provider, observed.cpu_model or "unknown CPU"),
            layers=armed(guarded),
        )
        self.heartbeat.start()
        if observed.instance_type != self.job.instance_type:
            reason = "asked for {}, got {}".format(self.job.instance_type, observed.instance_type)
            self._decline(self.job.suites, reason)
            self.log.say(reason)
            return
        self._run_suites(observed)

    def _identity(self) -> Dict[str, Any]:
        try:
            return self.imds.identity()
        except ImdsUnavailable as error:
            self.log.say(str(error))
            return {}

    def _run_suites(self, observed: Observed) -> None:
        with open(os.path.join(work_dir(), "suites.json"), encoding="utf-8") as file:
            declared: Dict[str, Any] = json.load(file)["suites"]
        self.sentinels.emit(JobState.PREPARING)
        installer = Installer(self.stop, self.log.say)
        wanted = {suite: installer.needed(declared[suite]) for suite in self.job.suites if suite in declared}
        every: List[str] = [name for names in wanted.values() for name in names]
        failed = installer.install(every)
        if self.stop:
            return
        self._upload_system(observed, installer, every)
        for suite in self.job.suites:
            if self.stop:
                self._decline([suite], self.stop.reason)
            elif suite not in declared:
                self._decline([suite], "the bundle has no suite of this name")
            else:
                lacking = [name for name in wanted[suite] if name in failed]
                if lacking:
                    why = "; ".join("package {}: {}".format(name, failed[name]) for name in lacking)
                    self._decline([suite], why)
                    self.log.say("{} declined: {}".format(suite, why))
                else:
                    self._run_suite(suite, declared[suite], observed)

    def _run_suite(self, name: str, declared: Dict[str, Any], observed: Observed) -> None:
        self.sentinels.emit(JobState.PREPARING, name)

        def progressed(done: int, total: int) -> None:
            self.sentinels.emit(JobState.RUNNING, name, Progress(done, total))

        folder = os.path.join(work_dir(), "suites", name)
        suite = SuiteRun(name, declared, self.job.mode, folder, self.stop, self.log.say, progressed)
        result = run_suite(self.job, observed, suite, lambda: self._running(name))
        if self.stop:
            result.document["reason"] = self.stop.reason
        self.outcomes[name] = {"outcome": result.document["outcome"], "reason": result.reason}
        if result.reason:
            self.log.say("{} declined: {}".format(name, result.reason))
        budget_s = self._left_s() / 3 if self.stop else results.UPLOAD_BUDGET_S
        try:
            results.upload(self.objects, result.document, result.raw, budget_s)
        except (StoreError, ValueError) as error:
            self.log.say("{}: {}".format(name, error))
            self._decline([name], "its result could not be uploaded: {}".format(error))
            return
        self.sentinels.emit(
            JobState.COLLECTED, name, reason=result.reason, outcomes={name: self.outcomes[name]}
        )

    def _left_s(self) -> float:
        """Seconds for the last words after the order to end, at least a few."""
        return max(3.0, self.stop.since + LAST_WORDS_S - time.monotonic())

    def _running(self, name: str) -> None:
        self.sentinels.emit(JobState.RUNNING, name)

    def _upload_system(self, observed: Observed, installer: Installer, packages: List[str]) -> None:
        try:
            body = json.dumps(system.document(self.job, observed, self.imds, installer, packages), indent=1)
            self.objects.put(system_key(self.job.run, self.job.job), body.encode())
        except Exception as error:  # without it results stand, only less is known of the machine
            self.log.say("system.json: {!r}".format(error))

    def _decline(self, suites: Any, reason: str) -> None:
        for suite in suites:
            self.outcomes[suite] = {"outcome": "declined", "reason": reason}

    def finish(self, crash: Optional[str]) -> None:
        """The last words: the final sentinel, the log. Bounded in time; does not raise."""
        seconds = self._left_s() if self.stop else FINAL_UPLOAD_S
        ends = time.monotonic() + seconds
        unmeasured = [suite for suite, cell in self.outcomes.items() if cell["outcome"] != "measured"]
        if self.stop:
            state, reason = JobState(self.stop.state), self.stop.reason
        elif crash is not None:
            state, reason = JobState.FAILED, "the agent failed: " + crash
        elif unmeasured and len(unmeasured) == len(self.outcomes):
            state, reason = JobState.FAILED, self.outcomes[unmeasured[0]]["reason"] or "nothing was measured"
        else:
            state, reason = JobState.COMPLETED, ""
        for suite in unmeasured:
            if self.outcomes[suite]["reason"] == NOT_RUN and reason:
                self.outcomes[suite]["reason"] = reason
        self.log.say("{}{}".format(state.value, ": " + reason if reason else ""))
        self.log.upload(self.objects, budget_s=seconds / 4)
        self.sentinels.emit(state, reason=reason or None, outcomes=self.outcomes)
        if not self.sentinels.flush(max(1.0, ends - time.monotonic())):
            self.log.say("not every sentinel reached the bucket")
        self.heartbeat.stop()


def armed(guarded: bool) -> Dict[str, str]:
    """Which of the mechanisms that end this instance are armed, as user data noted it."""
    try:
        noted = set(os.listdir(os.path.join(run_dir(), "armed")))
    except OSError:
        noted = set()
    if guarded:
        noted.add("agent-guard")
    return {name: "armed" if name in noted else "not armed" for name in MECHANISMS}


def _arm(job: Job, stop: Stop) -> None:
    """Take orders to end: SIGTERM, and the deadline by our own clock, should no timer have been armed."""

    def deadline() -> None:
        stop.set(JobState.TIMED_OUT.value, "max_runtime of {} s is over".format(job.max_runtime_s))

    def on_term(_signal: int, _frame: object) -> None:
        if job.left_s() <= NEAR_DEADLINE_S:
            deadline()
        else:
            stop.set(JobState.KILLED.value, "ended from outside (SIGTERM) before its deadline")

    signal.signal(signal.SIGTERM, on_term)
    timer = threading.Timer(max(0.0, job.left_s()), deadline)
    timer.daemon = True
    timer.start()
    with open(os.path.join(run_dir(), "agent.pid"), "w") as file:
        file.write(str(os.getpid()))


def main() -> None:
    """Run the job; the way out always leads to power-off."""
    guard = None
    try:
        job = Job.load(os.path.join(work_dir(), "job.json"))
        guard = power.start_guard(max(0.0, job.left_s()) + GUARD_GRACE_S)
        os.makedirs(run_dir(), exist_ok=True)
        log, stop = JobLog(job.run, job.job), Stop()
        adopt_orphans()
        _arm(job, stop)
        agent, crash = Agent(job, log, stop), None
        try:
            agent.run(guarded=guard is not None)
        except BaseException as error:
            crash = repr(error)
            log.say("the agent failed: " + crash)
        finally:
            agent.finish(crash)
    finally:
        power.off()
        sys.stderr.flush()
        os._exit(0)  # no thread that still waits for the network holds this up


if __name__ == "__main__":
    main()
