"""Every S3 key of benchtui: built here, parsed here, by the launcher and by the agent alike.

The agent on the instance ships with this very file, so it needs nothing but Python 3.9 and its
standard library. The state of a run is readable from these keys alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import Optional

MAX_KEY_BYTES = 1024  # limit of S3 on the UTF-8 length of an object key
LAUNCHER_SEQ = 0  # sentinels of the launcher; an instance counts gapless from 1

_RUN = re.compile(r"[0-9]{8}-[0-9]{6}-[a-z2-7]{4}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9-]{0,30}\.[a-z0-9][a-z0-9-]{0,30}")
_JOB = re.compile(r"(?P<type>" + _TYPE.pattern + r")-(?P<replicate>[1-9][0-9]{0,3})")
_SUITE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_STAMP = re.compile(r"[0-9]{8}T[0-9]{9}Z")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SEQ_STATE = re.compile(r"(?P<seq>[0-9]{4})-(?P<state>[A-Z_]{1,20})")
_PROGRESS = re.compile(r"(?P<i>[0-9]{1,6})-of-(?P<n>[0-9]{1,6})")
_ENTRY = re.compile(r"[0-9]{6}")
_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_PART = re.compile(r"(?!0000)[0-9]{4}\.jsonl\.gz")
_LOG_CHUNK = re.compile(r"(?P<n>[0-9]{4,8})\.txt")


class KeyNotOurs(ValueError):
    """The key is not in benchtui's grammar, or a part of it cannot be put into a key."""


class JobState(str, Enum):
    """What a job is doing or how it ended."""

    PLANNED = "PLANNED"
    LAUNCHED = "LAUNCHED"
    BOOTED = "BOOTED"
    PREPARING = "PREPARING"
    RUNNING = "RUNNING"
    COLLECTED = "COLLECTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    EMERGENCY_STOP = "EMERGENCY_STOP"
    KILLED = "KILLED"
    LOST = "LOST"
    NEVER_STARTED = "NEVER_STARTED"
    DECLINED = "DECLINED"

    def __str__(self) -> str:
        return self.value


#: States an instance itself may write as its last word.
FINAL_BY_INSTANCE = frozenset(
    {JobState.COMPLETED, JobState.FAILED, JobState.TIMED_OUT, JobState.EMERGENCY_STOP, JobState.KILLED}
)
#: States of a sentinel; PLANNED, LOST and NEVER_STARTED are conclusions of a reader, never written.
WRITTEN = FINAL_BY_INSTANCE | frozenset(
    {
        JobState.LAUNCHED,
        JobState.BOOTED,
        JobState.PREPARING,
        JobState.RUNNING,
        JobState.COLLECTED,
        JobState.DECLINED,
    }
)
_WRITTEN_WORDS = frozenset(state.value for state in WRITTEN)
FINAL = FINAL_BY_INSTANCE | frozenset({JobState.LOST, JobState.NEVER_STARTED, JobState.DECLINED})


def _matched(pattern: "re.Pattern[str]", text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise KeyNotOurs("not a {}: {!r}".format(what, text[:80]))
    return text


def check_run(text: str) -> str:
    """Return ``text`` if it is a run id, ``YYYYMMDD-HHMMSS-xxxx``.

    Raises:
        KeyNotOurs: it is not.
    """
    return _matched(_RUN, text, "run id (YYYYMMDD-HHMMSS-xxxx)")


def check_job(text: str) -> str:
    """Return ``text`` if it is a job id, ``<instance-type>-<replicate>``.

    Raises:
        KeyNotOurs: it is not.
    """
    return _matched(_JOB, text, "job id (<instance-type>-<n>)")


def check_instance_type(text: str) -> str:
    """Return ``text`` if it has the shape of an instance type, ``c7g.large`` or ``c7i.metal-48xl``.

    Raises:
        KeyNotOurs: it has not.
    """
    return _matched(_TYPE, text, "instance type")


def check_suite(text: str) -> str:
    """Return ``text`` if it is a suite name: ``[a-z][a-z0-9_]*``, at most 40 characters.

    Raises:
        KeyNotOurs: it is not.
    """
    return _matched(_SUITE, text, "suite name")


def run_id(at: datetime, suffix: str) -> str:
    """Run id for a run started at ``at`` (UTC) with a random base32 ``suffix`` of four characters."""
    return check_run("{}-{}".format(at.astimezone(timezone.utc).strftime("%Y%m%d-%H%M%S"), suffix))


def job_id(instance_type: str, replicate: int) -> str:
    """Job id of replicate number ``replicate`` (from 1) of ``instance_type``."""
    return check_job("{}-{}".format(instance_type, replicate))


def job_parts(job: str) -> "tuple[str, int]":
    """Instance type and replicate number of a job id.

    Raises:
        KeyNotOurs: not a job id.
    """
    match = _JOB.fullmatch(job)
    if match is None:
        raise KeyNotOurs("not a job id: {!r}".format(job[:80]))
    return match.group("type"), int(match.group("replicate"))


def stamp(at: datetime) -> str:
    """``20261124T021533123Z``: UTC, milliseconds, sorts as text."""
    utc = at.astimezone(timezone.utc)
    return utc.strftime("%Y%m%dT%H%M%S") + "{:03d}Z".format(utc.microsecond // 1000)


def parse_stamp(text: str) -> datetime:
    """The time in a stamp, UTC.

    Raises:
        KeyNotOurs: not a stamp, or no such time.
    """
    _matched(_STAMP, text, "stamp")
    try:
        # Not strptime, which takes five times as long: readers parse hundreds of thousands of stamps.
        return datetime(
            int(text[:4]),
            int(text[4:6]),
            int(text[6:8]),
            int(text[9:11]),
            int(text[11:13]),
            int(text[13:15]),
            1000 * int(text[15:18]),
            timezone.utc,
        )
    except ValueError as error:
        raise KeyNotOurs("no such time: {!r}".format(text)) from error


@dataclass(frozen=True)
class Progress:
    """How far a suite is: ``done`` of ``total`` steps."""

    done: int
    total: int


@dataclass(frozen=True)
class Sentinel:
    """One state transition of one job, as its S3 key tells it."""

    at: datetime  # UTC, millisecond; the writer's clock
    job: str
    seq: int  # per job, gapless from 1; 0 is the launcher's
    state: JobState
    suite: Optional[str] = None
    progress: Optional[Progress] = None

    def key(self, run: str) -> str:
        """The S3 key of this sentinel in run ``run``.

        Raises:
            KeyNotOurs: a field cannot be put into a key.
        """
        if not 0 <= self.seq <= 9999:
            raise KeyNotOurs("sequence number {} is not 0..9999".format(self.seq))
        if self.state not in WRITTEN:
            raise KeyNotOurs("{} is concluded by a reader, never written".format(self.state))
        parts = [events_prefix(run) + stamp(self.at), check_job(self.job)]
        parts.append("{:04d}-{}".format(self.seq, self.state.value))
        if self.suite is not None:
            parts.append(check_suite(self.suite))
            if self.progress is not None:
                parts.append("{}-of-{}".format(self.progress.done, self.progress.total))
        elif self.progress is not None:
            raise KeyNotOurs("progress belongs to a suite")
        key = "/".join(parts)
        if parse_event(key) != (run, self._as_keyed()):
            raise KeyNotOurs("{!r} does not survive being a key".format(key))
        return key

    def _as_keyed(self) -> "Sentinel":
        return Sentinel(
            at=parse_stamp(stamp(self.at)),
            job=self.job,
            seq=self.seq,
            state=self.state,
            suite=self.suite,
            progress=self.progress,
        )


def parse_event(key: str) -> "tuple[str, Sentinel]":
    """Run id and sentinel of an event's key.

    Raises:
        KeyNotOurs: the key is not in the grammar of events.
    """
    parts = key.split("/")
    if (
        len(key) > MAX_KEY_BYTES
        or not 6 <= len(parts) <= 8
        or parts[0] != "benchmarks"
        or parts[2] != "events"
    ):
        raise KeyNotOurs("not the key of an event: {!r}".format(key[:200]))
    run, at, job = check_run(parts[1]), parse_stamp(parts[3]), check_job(parts[4])
    match = _SEQ_STATE.fullmatch(parts[5])
    if match is None or match.group("state") not in _WRITTEN_WORDS:
        raise KeyNotOurs("not a sentinel: {!r}".format(parts[5][:80]))
    suite = check_suite(parts[6]) if len(parts) > 6 else None
    progress = None
    if len(parts) > 7:
        steps = _PROGRESS.fullmatch(parts[7])
        if steps is None or int(steps.group("i")) > int(steps.group("n")):
            raise KeyNotOurs("not progress: {!r}".format(parts[7][:80]))
        progress = Progress(int(steps.group("i")), int(steps.group("n")))
    return run, Sentinel(at, job, int(match.group("seq")), JobState(match.group("state")), suite, progress)


def runs_prefix() -> str:
    """Prefix under which every run lies."""
    return "benchmarks/"


def run_prefix(run: str) -> str:
    """Prefix of everything that belongs to a run."""
    return "benchmarks/{}/".format(check_run(run))


def events_prefix(run: str) -> str:
    """Prefix of a run's sentinels; below it keys sort by the writer's clock."""
    return run_prefix(run) + "events/"


def events_after(run: str, at: datetime) -> str:
    """StartAfter for a LIST that leaves out every sentinel stamped before ``at``."""
    return events_prefix(run) + stamp(at)


def heartbeats_prefix(run: str) -> str:
    """Prefix of a run's heartbeats."""
    return run_prefix(run) + "heartbeats/"


def heartbeat_key(run: str, job: str) -> str:
    """Key of a job's heartbeat, the one kind of object that is overwritten."""
    return heartbeats_prefix(run) + check_job(job)


def parse_heartbeat(key: str) -> str:
    """Job id of a heartbeat's key.

    Raises:
        KeyNotOurs: not the key of a heartbeat.
    """
    parts = key.split("/")
    if len(parts) != 4 or parts[0] != "benchmarks" or parts[2] != "heartbeats":
        raise KeyNotOurs("not the key of a heartbeat: {!r}".format(key[:200]))
    check_run(parts[1])
    return check_job(parts[3])


def run_json_key(run: str) -> str:
    """Key of the run document."""
    return run_prefix(run) + "run.json"


def kill_key(run: str) -> str:
    """Key whose presence tells launchers and agents to stop."""
    return run_prefix(run) + "control/kill"


def reservations_prefix(run: str) -> str:
    """Prefix of a run's book of money; below it entries sort in their order."""
    return run_prefix(run) + "reservations/"


def reservation_key(run: str, number: int) -> str:
    """Key of entry ``number`` (from 1) of a run's book: whoever writes it first has that place in the order.

    Raises:
        KeyNotOurs: the number has no such key.
    """
    if not 1 <= number <= 999999:
        raise KeyNotOurs("entry number {} is not 1..999999".format(number))
    return reservations_prefix(run) + "{:06d}".format(number)


def parse_reservation(key: str) -> "tuple[str, int]":
    """Run id and number of an entry's key.

    Raises:
        KeyNotOurs: not the key of an entry.
    """
    parts = key.split("/")
    if len(parts) != 4 or parts[0] != "benchmarks" or parts[2] != "reservations":
        raise KeyNotOurs("not the key of a reservation: {!r}".format(key[:200]))
    run = check_run(parts[1])
    if not _ENTRY.fullmatch(parts[3]) or int(parts[3]) == 0:
        raise KeyNotOurs("not the number of an entry: {!r}".format(parts[3][:80]))
    return run, int(parts[3])


def drills_prefix() -> str:
    """Prefix of the records of drills; below it keys sort by time."""
    return "safety/drills/"


def drill_key(run: str) -> str:
    """Key of the record of the drill that was run ``run``."""
    return drills_prefix() + "{}.json".format(check_run(run))


def reap_key() -> str:
    """Key of the record of the last reaping, which is overwritten."""
    return "safety/reap.json"


def rollups_prefix() -> str:
    """Prefix of the monthly roll-ups of closed runs; below it keys sort by month."""
    return "history/"


def rollup_key(month: str, part: int) -> str:
    """Key of part ``part`` (from 1) of the roll-up of ``month``, ``YYYY-MM``.

    Raises:
        KeyNotOurs: there is no such key.
    """
    _matched(_MONTH, month, "month (YYYY-MM)")
    if not 1 <= part <= 9999:
        raise KeyNotOurs("part {} is not 1..9999".format(part))
    return "{}{}/{:04d}.jsonl.gz".format(rollups_prefix(), month, part)


def parse_rollup(key: str) -> "tuple[str, int]":
    """Month and part of a roll-up's key.

    Raises:
        KeyNotOurs: not the key of a roll-up.
    """
    parts = key.split("/")
    if len(parts) != 3 or parts[0] != "history" or not _PART.fullmatch(parts[2]):
        raise KeyNotOurs("not the key of a roll-up: {!r}".format(key[:200]))
    return _matched(_MONTH, parts[1], "month (YYYY-MM)"), int(parts[2][:4])


def jobs_prefix(run: str) -> str:
    """Prefix of all that jobs upload beside sentinels."""
    return run_prefix(run) + "jobs/"


def job_prefix(run: str, job: str) -> str:
    """Prefix of what one job uploads beside sentinels."""
    return jobs_prefix(run) + check_job(job) + "/"


def system_key(run: str, job: str) -> str:
    """Key of what an instance observed about itself."""
    return job_prefix(run, job) + "system.json"


def result_key(run: str, job: str, suite: str) -> str:
    """Key of a suite's result."""
    return job_prefix(run, job) + check_suite(suite) + "/result.json"


def raw_key(run: str, job: str, suite: str) -> str:
    """Key of a suite's raw output, compiler log and binary hash."""
    return job_prefix(run, job) + check_suite(suite) + "/raw.tar.gz"


def log_prefix(run: str, job: str) -> str:
    """Prefix of the chunks of an agent's log."""
    return job_prefix(run, job) + "log/"


def log_key(run: str, job: str, chunk: int) -> str:
    """Key of chunk number ``chunk`` (from 1) of an agent's log."""
    return log_prefix(run, job) + "{:04d}.txt".format(chunk)


def payload_key(sha256: str) -> str:
    """Key of a payload bundle, addressed by the lower-case hex SHA-256 of its bytes."""
    return "payloads/{}.tar.gz".format(_matched(_SHA256, sha256, "sha256"))


@dataclass(frozen=True)
class JobObject:
    """An object under ``jobs/``: ``kind`` is ``system``, ``result``, ``raw`` or ``log``."""

    run: str
    job: str
    kind: str
    suite: Optional[str] = None
    chunk: Optional[int] = None


def parse_job_object(key: str) -> JobObject:
    """What an object under ``jobs/`` is.

    Raises:
        KeyNotOurs: not in the grammar.
    """
    parts = key.split("/")
    if len(key) > MAX_KEY_BYTES or not 5 <= len(parts) <= 6 or parts[0] != "benchmarks" or parts[2] != "jobs":
        raise KeyNotOurs("not the key of a job's object: {!r}".format(key[:200]))
    run, job = check_run(parts[1]), check_job(parts[3])
    if len(parts) == 5 and parts[4] == "system.json":
        return JobObject(run, job, "system")
    if len(parts) == 6 and parts[4] == "log":
        chunk = _LOG_CHUNK.fullmatch(parts[5])
        if chunk is not None:
            return JobObject(run, job, "log", chunk=int(chunk.group("n")))
    if len(parts) == 6 and parts[5] in ("result.json", "raw.tar.gz"):
        return JobObject(run, job, parts[5].split(".")[0], suite=check_suite(parts[4]))
    raise KeyNotOurs("not the key of a job's object: {!r}".format(key[:200]))
