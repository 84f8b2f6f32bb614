"""Jobs by their fields: what filters and orders name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any, ClassVar

from benchtui.config.durations import parse_duration
from benchtui.core.documents import RunDocument
from benchtui.core.filter import Cell, Field, Filter, number
from benchtui.core.keys import FINAL, JobState, job_parts
from benchtui.engine.ordering import Ordering
from benchtui.engine.snapshot import JobRow, Snapshot


def _seconds(text: str) -> int:
    seconds = parse_duration(text)
    assert isinstance(seconds, int)
    return seconds


#: In the order in which a list of them is read best.
FIELDS: tuple[Field, ...] = (
    Field("job", "id of the job", bare=True),
    Field("state", "state in lower case; also done (over) and live (an instance is alive)", bare=True),
    Field("type", "instance type", bare=True),
    Field("family", "c7g of c7g.large"),
    Field("arch", "arm64 or x86_64"),
    Field("suite", "suites it is to run", bare=True),
    Field("now", "suite it runs, or ran last"),
    Field("zone", "availability zone", bare=True, aliases=("az",)),
    Field("region", "region"),
    Field("instance", "instance id", bare=True, aliases=("id",)),
    Field("ec2", "state of the instance as EC2 says"),
    Field("alarm", "what a person has to look at"),
    Field("reason", "why it is in its state"),
    Field("progress", "suites with a result, percent", number),
    Field("vcpus", "vCPUs", number),
    Field("cores", "physical cores", number),
    Field("replicate", "number of the replicate", number),
    Field("price", "USD per hour at launch", number, aliases=("$/h",)),
    Field("spent", "estimate of what it has cost, USD", number),
    Field("worst", "most it can cost, USD", number),
    Field("age", "time since its launch", _seconds),
    Field("left", "time until it ends by itself", _seconds),
    Field("heard", "time since its last sign of life", _seconds),
)

#: The worst first; what is done comes last.
_RANK = {
    state: rank
    for rank, state in enumerate(
        (
            JobState.LOST,
            JobState.NEVER_STARTED,
            JobState.EMERGENCY_STOP,
            JobState.TIMED_OUT,
            JobState.FAILED,
            JobState.RUNNING,
            JobState.COLLECTED,
            JobState.PREPARING,
            JobState.BOOTED,
            JobState.LAUNCHED,
            JobState.PLANNED,
            JobState.DECLINED,
            JobState.KILLED,
            JobState.COMPLETED,
        )
    )
}
SORTS = ("state", "job", "type", "arch", "zone", "progress", "price", "spent", "left")


def ends_by(row: JobRow, run: RunDocument) -> datetime | None:
    """When the instance ends by itself at the latest while its gentle timer works, UTC.

    max_runtime counts from the boot; before that is heard of, the boot allowance counts in.
    None: no instance is known, or it is ending already.
    """
    view = row.status.instance
    if view is None or view.ending:
        return None
    runtime = timedelta(seconds=run.max_runtime_s)
    if row.status.booted_at is not None:
        return row.status.booted_at + runtime
    return view.launched_at + timedelta(seconds=run.boot_allowance_s) + runtime


def heard_at(row: JobRow) -> datetime | None:
    """When the job last gave a sign of life: a sentinel or a heartbeat."""
    signs = (row.status.last_sentinel_at, row.status.heartbeat_at)
    return max((at for at in signs if at is not None), default=None)


def job_fields(row: JobRow, run: RunDocument, now: datetime) -> Mapping[str, Cell]:
    """The fields of a job by name; what is not known is None.

    Args:
        row: the job.
        run: its run.
        now: what ages count to.
    """
    status, planned = row.status, row.planned
    view = status.instance
    alive = view is not None and not view.ending
    words = [status.state.value.lower()]
    words += ["done"] if status.state in FINAL else []
    words += ["live"] if alive else []
    ends, heard = ends_by(row, run), heard_at(row)
    return {
        "job": planned.job,
        "state": tuple(words),
        "type": planned.instance_type,
        "family": planned.instance_type.partition(".")[0],
        "arch": planned.arch,
        "suite": planned.suites,
        "now": status.suite,
        "zone": view.zone if view else None,
        "region": row.region,
        "instance": view.instance_id if view else None,
        "ec2": view.state.value if view else None,
        "alarm": status.alarm,
        "reason": status.reason,
        "progress": Decimal(100 * len(status.collected)) / len(planned.suites),
        "vcpus": planned.vcpus,
        "cores": planned.cores,
        "replicate": job_parts(planned.job)[1],
        "price": planned.price.usd_per_hour,
        "spent": row.spent_usd,
        "worst": planned.worst_case_usd,
        "age": _passed(view.launched_at if view else None, now),
        "left": None if ends is None else -_passed_exactly(ends, now),
        "heard": _passed(heard, now),
    }


def _passed_exactly(since: datetime, now: datetime) -> int:
    return round((now - since).total_seconds())


def _passed(since: datetime | None, now: datetime) -> int | None:
    return None if since is None else max(0, _passed_exactly(since, now))


def parse_filter(expression: str) -> Filter:
    """A filter of jobs.

    Raises:
        FilterError: it is none.
    """
    return Filter.parse(expression, FIELDS)


@dataclass(frozen=True, slots=True)
class Order(Ordering):
    """What jobs are sorted by."""

    sorts: ClassVar[tuple[str, ...]] = SORTS

    name: str = "state"


def chosen(
    snapshot: Snapshot, wanted: Filter, order: Order | None = None, now: datetime | None = None
) -> tuple[JobRow, ...]:
    """The jobs of a run that pass a filter, in an order.

    Args:
        snapshot: the run.
        wanted: an empty one lets all pass.
        order: None leaves the order of the plan. Jobs that are equal in it stay in the order of the
            plan; those of which nothing is known come last, whichever way round.
        now: what ages count to; by default the moment of the snapshot.
    """
    at, run = now or snapshot.taken_at, snapshot.run
    rows: Iterable[JobRow] = snapshot.rows
    if wanted:
        rows = [row for row in rows if wanted.matches(job_fields(row, run, at))]
    return tuple(rows) if order is None else _sorted(tuple(rows), run, order)


def _sorted(rows: tuple[JobRow, ...], run: RunDocument, order: Order) -> tuple[JobRow, ...]:
    key_of = _SORT_KEYS[order.name]
    keyed = [(key_of(row, run), row) for row in rows]
    known = [pair for pair in keyed if pair[0] is not None]
    known.sort(key=itemgetter(0), reverse=order.reverse)
    return tuple(row for _, row in known) + tuple(row for key, row in keyed if key is None)


#: By what a row stands before another; None: nothing is known of it.
_SORT_KEYS: Mapping[str, Callable[[JobRow, RunDocument], Any]] = {
    "state": lambda row, _: (row.status.alarm is None, _RANK[row.status.state]),
    "job": lambda row, _: job_parts(row.planned.job),
    "progress": lambda row, _: len(row.status.collected) / len(row.planned.suites),
    "type": lambda row, _: row.planned.instance_type,
    "arch": lambda row, _: row.planned.arch,
    "zone": lambda row, _: row.status.instance.zone if row.status.instance else None,
    "price": lambda row, _: row.planned.price.usd_per_hour,
    "spent": lambda row, _: row.spent_usd,
    "left": ends_by,
}
