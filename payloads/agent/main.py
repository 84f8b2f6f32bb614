"""The agent: runs a job's suites, tells the bucket about it, and powers off whatever happened."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional

from keys import JobState, Progress, system_key
from seals import sealed

import power
import results
import system
from chain_clock import ChainClock
from heartbeat import Heartbeat
from imds import Imds, ImdsUnavailable
from job import Job, run_dir, uptime_s, work_dir
from joblog import JobLog
from mechanisms import armed
from objects import Objects, StoreError
from packages import Installer
from process import Stop, adopt_orphans
from reclaim import ReclaimWatch
from repetitions import times_of
from result_document import document
from sentinels import Sentinels, Spool
from suites import SuiteRun
from system import Observed

#: After the deadline the agent has this long for its last words; the timer of user data is not much later.
LAST_WORDS_S = 25.0
FINAL_UPLOAD_S = 60.0  # when it ends by itself: there is time, but power-off waits for no network
# After the emergency sentinel of user data (45 s past the deadline), before its forced power-off (60 s).
GUARD_GRACE_S = 55.0
NEAR_DEADLINE_S = 30.0  # a SIGTERM this near the deadline is the deadline's timer
NOT_RUN = "the job ended before it was run"
LONGEST_BOOT_S = 60.0  # what is longer is no boot: the instance was kept waiting before it
BEFORE_DEADLINE_S = 60.0  # no repetition starts that might end later: uploads and the last words
AFTERWARDS_S = 10.0  # uploads, last words and power-off: time that is paid for and not measured in
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
        self._clock = ChainClock(os.path.join(work_dir(), "suites", "common"), log.say)
        self.outcomes: Outcomes = {suite: {"outcome": "declined", "reason": NOT_RUN} for suite in job.suites}
        self.heartbeat = Heartbeat(
            job, self.objects, self.sentinels, log, lambda why: stop.set(JobState.KILLED.value, why)
        )
        self.reclaim = ReclaimWatch(lambda why: stop.set(JobState.KILLED.value, why), log.say)

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
            run_seal=self.job.run_seal,
        )
        self.heartbeat.start()
        self.reclaim.start()
        reason = self._not_as_asked(observed)
        if reason:
            self._decline(self.job.suites, reason)
            self.log.say(reason)
            return
        self._run_suites(observed, identity)

    def _not_as_asked(self, observed: Observed) -> Optional[str]:
        """Why nothing may be measured here under the name of what was asked for; None if it is that."""
        for asked, got in (
            (self.job.instance_type, observed.instance_type),
            (self.job.image_id, observed.image_id),
        ):
            if asked != got and got is not None:
                return "asked for {}, got {}".format(asked, got)
        return None

    def _identity(self) -> Dict[str, Any]:
        try:
            return self.imds.identity()
        except ImdsUnavailable as error:
            self.log.say(str(error))
            return {}

    def _run_suites(self, observed: Observed, identity: Dict[str, Any]) -> None:
        """Prepare all suites, then measure one by one: only then is it known how long the set-up took."""
        with open(os.path.join(work_dir(), "suites.json"), encoding="utf-8") as file:
            declared: Dict[str, Any] = json.load(file)["suites"]
        self.sentinels.emit(JobState.PREPARING)
        suites = [self._suite(name, declared[name]) for name in self.job.suites if name in declared]
        self._decline(set(self.job.suites) - set(declared), "the bundle has no suite of this name")
        prepared = self._prepare(suites, observed)
        setup_s = self._since_boot_s(identity)
        budgets_s = still_s = sum(suite.budget_s for suite in prepared)
        for suite in prepared:
            if self.stop:
                self._decline([suite.name], self.stop.reason)
                continue
            if suite.failure is None:
                self.sentinels.emit(JobState.RUNNING, suite.name)
                left_s = self.job.left_s() - BEFORE_DEADLINE_S
                suite.setup_s = setup_s
                suite.measure(times_of(suite.mode, setup_s + AFTERWARDS_S, budgets_s, still_s, left_s))
            still_s -= suite.budget_s
            self._deliver(suite, observed)

    def _suite(self, name: str, declared: Dict[str, Any]) -> SuiteRun:
        def progressed(done: int, total: int) -> None:
            self.sentinels.emit(JobState.RUNNING, name, Progress(done, total))

        folder = os.path.join(work_dir(), "suites", name)
        return SuiteRun(
            name,
            declared,
            self.job.mode,
            folder,
            self.stop,
            self.log.say,
            progressed,
            self._clock,
        )

    def _prepare(self, suites: List[SuiteRun], observed: Observed) -> List[SuiteRun]:
        """Install and build; the suites that have something to deliver. What lacks a package is declined."""
        installer = Installer(self.stop, self.log.say)
        wanted = {suite.name: installer.needed(suite.declared) for suite in suites}
        of_arms = {
            (suite.name, arm): installer.needed(declared)
            for suite in suites
            for arm, declared in suite.arms().items()
        }
        every = [name for names in (*wanted.values(), *of_arms.values()) for name in names]
        failed = installer.install(every)
        if self.stop:
            return []
        self._clock.build()
        self._upload_system(observed, installer, every)
        prepared = []
        for suite in suites:
            lacking = missing(wanted[suite.name], failed)
            if self.stop:
                self._decline([suite.name], self.stop.reason)
            elif lacking:
                self._decline([suite.name], lacking)
                self.log.say("{} declined: {}".format(suite.name, lacking))
            else:
                self.sentinels.emit(JobState.PREPARING, suite.name)
                arms = {arm: missing(of_arms[suite.name, arm], failed) for arm in suite.arms()}
                suite.prepare({arm: why for arm, why in arms.items() if why})
                prepared.append(suite)
        return prepared

    def _since_boot_s(self, identity: Dict[str, Any]) -> float:
        """Seconds since the instance began to boot."""
        since_user_data = uptime_s() - self.job.started_s
        try:
            pending = datetime.strptime(identity["pendingTime"][:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")
        except (KeyError, TypeError, ValueError):
            return since_user_data + min(self.job.started_s, LONGEST_BOOT_S)
        since_pending = (datetime.now(timezone.utc) - pending).total_seconds()
        return since_user_data + min(max(0.0, since_pending - since_user_data), LONGEST_BOOT_S)

    def _deliver(self, suite: SuiteRun, observed: Observed) -> None:
        """Upload what came of a suite, measured or not, and say so."""
        name = suite.name
        if self.stop:
            suite.note("ended", self.stop.reason)
        result = document(self.job, observed, suite)
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

    def _upload_system(self, observed: Observed, installer: Installer, packages: List[str]) -> None:
        try:
            key = system_key(self.job.run, self.job.job)
            body = json.dumps(system.document(self.job, observed, self.imds, installer, packages), indent=1)
            self.objects.put(key, sealed(key, body.encode()))
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
        self.log.upload(self.objects, budget_s=seconds / 4, last=True)
        self.sentinels.emit(state, reason=reason or None, outcomes=self.outcomes)
        if not self.sentinels.flush(max(1.0, ends - time.monotonic())):
            self.log.say("not every sentinel reached the bucket")
        self.heartbeat.stop()
        self.reclaim.stop()


def missing(wanted: List[str], failed: Dict[str, str]) -> str:
    """Packages that could not be had, with the reasons; empty if there is none."""
    return "; ".join("package {}: {}".format(name, failed[name]) for name in wanted if name in failed)


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
        file.write("{}\n".format(os.getpid()))  # user data reads a line; one without an end counts as none


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
