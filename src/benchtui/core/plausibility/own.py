"""benchtui's own results as claims."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from benchtui.core.documents import (
    JobDocument,
    Metric,
    Outcome,
    ResultDocument,
    RunDocument,
    SystemDocument,
)
from benchtui.core.plausibility import Judgement, Trace, judge_traces, look_at
from benchtui.core.plausibility.claim import (
    Claim,
    Dimension,
    Observation,
    Quantity,
    hpl_operations,
    level_of,
)
from benchtui.core.plausibility.naming import cpu_in_words

Cell = tuple[str, str]  # job, suite

#: Parts of a metric's name that tell accesses of which each waits for the one before.
_CHASES = frozenset({"latency", "chase", "random"})
_TICK = "timer_tick_seconds"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one run's results: enough to judge them."""

    run: RunDocument
    results: Mapping[Cell, ResultDocument | str]  # texts are problems: there is nothing to judge
    systems: Mapping[str, SystemDocument] = field(default_factory=dict)  # by job
    raw_sha256: Mapping[Cell, str] = field(default_factory=dict)  # of the raw output that was read
    read_at: datetime | None = None
    #: Of results that were looked at already; None: there is nothing to judge. Others are looked at again.
    traces: Mapping[Cell, Trace | None] = field(default_factory=dict)

    def trace(self, cell: Cell, job: JobDocument) -> Trace | None:
        """What is kept of a cell to hold others against it; None: nothing was measured there."""
        if cell in self.traces:
            return self.traces[cell]
        result = self.results[cell]
        if not isinstance(result, ResultDocument):
            return None
        system, raw = self.systems.get(cell[0]), self.raw_sha256.get(cell)
        return trace_of_result(result, self.run, job, system, raw, self.read_at)


def trace_of_result(
    result: ResultDocument,
    run: RunDocument,
    job: JobDocument,
    system: SystemDocument | None,
    raw_sha256: str | None,
    read_at: datetime | None,
) -> Trace | None:
    """What is kept of a result to hold others against it; None: it measured nothing. See `claim_of`."""
    if result.outcome is not Outcome.MEASURED:
        return None
    return look_at(claim_of(result, run, job, system=system, raw_sha256=raw_sha256, read_at=read_at))


def judge_runs(runs: Sequence[Evidence]) -> tuple[dict[Cell, Judgement], ...]:
    """Judge every measured result of the runs, each beside all others; one mapping for each run."""
    traces: list[Trace] = []
    cells: list[tuple[int, Cell]] = []
    for at, evidence in enumerate(runs):
        jobs = {job.job: job for job in evidence.run.jobs}
        for cell in evidence.results:
            trace = evidence.trace(cell, jobs[cell[0]]) if cell[0] in jobs else None
            if trace is None:
                continue
            cells.append((at, cell))
            # Beside results of other runs it has to be told from them.
            traces.append(replace(trace, name=f"{trace.run}/{trace.name}") if len(runs) > 1 else trace)
    found: tuple[dict[Cell, Judgement], ...] = tuple({} for _ in runs)
    for (at, cell), judgement in zip(cells, judge_traces(traces), strict=True):
        found[at][cell] = judgement
    return found


def claim_of(
    result: ResultDocument,
    run: RunDocument,
    job: JobDocument,
    *,
    system: SystemDocument | None = None,
    raw_sha256: str | None = None,
    read_at: datetime | None = None,
) -> Claim:
    """A measured result as a claim.

    Args:
        result: of this run and job.
        run: its plan.
        job: as planned.
        system: what the instance observed of itself; None: not known.
        raw_sha256: of the raw output that lies beside the result; None: not read.
        read_at: when the result was read.
    """
    said = [system.cpu_vendor, system.cpu_model, system.arch] if system is not None else [result.cpu_model]
    words = " ".join(part for part in said if part) or None
    threads = _threads(system, job)
    counts = [_count(value) for name, value in result.facts.items() if name.startswith("repetitions.")]
    counted, seen = sum(counts), _repetitions(result) if counts else 0
    return Claim(
        name=result.job,
        instance_type=result.instance_type,
        suite=result.suite,
        quantities=tuple(
            _quantity(result.suite, name, metric, threads) for name, metric in result.metrics.items()
        ),
        provider=result.provider,
        run=result.run,
        instance_id=result.instance_id,
        cpu_claimed=cpu_in_words(words),
        cpu_said=words,
        threads=threads["all"],
        # A repetition may end without a sample; more of them than were run cannot be.
        iterations=seen if seen > counted else None,
        runs=counted if seen > counted else None,
        started=_utc(result.started_at),
        finished=_utc(result.finished_at),
        not_before=_utc(run.created_at),
        not_before_why="its run was planned at",
        not_after=None if read_at is None else _utc(read_at),
        checksums={"raw_sha256": result.raw_sha256} if result.raw_sha256 else {},
        checksums_needed=frozenset({"raw_sha256"}),
        raw_found=raw_sha256,
        tick_seconds=max(_ticks(result.facts), default=None),
        contradictions=() if system is None else tuple(_contradictions(result, system)),
    )


def _threads(system: SystemDocument | None, job: JobDocument) -> Mapping[str, int]:
    """Threads by the last part of a metric's name; what was observed goes before what was planned."""
    usable = (system.usable_cpus if system is not None else None) or job.vcpus
    cores = (system.physical_cores if system is not None else None) or job.cores
    return {"one": 1, "core": cores, "all": usable}


def _quantity(suite: str, name: str, metric: Metric, threads: Mapping[str, int]) -> Quantity:
    counted = [sample for sample in metric.samples if not sample.excluded]
    value = metric.median
    if value is None and counted:
        value = statistics.median(sample.value for sample in counted)
    parts = name.partition(":")[0].lower().split(".")  # a second build's figures end in :its-name
    bare = Quantity(name, metric.unit, value)
    values = {sample.value for sample in counted}
    rate = bare.dimension in (Dimension.BANDWIDTH, Dimension.FLOPS, Dimension.RATE)
    return Quantity(
        name,
        metric.unit,
        value,
        tuple(
            Observation(
                sample.value, sample.seconds, _work(suite, sample.model_extra or {}) if rate else None
            )
            for sample in counted
        ),
        # What is no rate and no time and never varies is computed, not measured: the same everywhere.
        counting=bare.dimension is Dimension.OTHER and len(counted) > 1 and len(values) == 1,
        level=level_of(name),
        latency=bare.dimension in (Dimension.TIME, Dimension.CYCLES) and not _CHASES.isdisjoint(parts),
        threads=threads.get(parts[-1]),
    )


def _work(suite: str, said: Mapping[str, Any]) -> float | None:
    """Bytes or operations of a sample: its own word for it, or what its suite is known to mean."""
    if (work := _number(said.get("work"))) is not None:
        return work
    if suite in ("stream", "vector_ops"):
        return _number(said.get("bytes"))
    if suite == "cache":
        size, passes = _number(said.get("bytes")), _number(said.get("passes"))
        return size * passes if size is not None and passes is not None else None
    if suite == "mixed_precision":
        return _number(said.get("flops"))
    order = _number(said.get("n"))
    return hpl_operations(order) if suite == "hpl" and order is not None else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _count(fact: Any) -> int:
    count = fact.get("count") if isinstance(fact, Mapping) else None
    return count if isinstance(count, int) else 0


def _repetitions(result: ResultDocument) -> int:
    """How many repetitions the samples are from."""
    return len(
        {
            (sample.run, sample.repetition)
            for metric in result.metrics.values()
            for sample in metric.samples
            if sample.repetition is not None
        }
    )


def _ticks(facts: Any, depth: int = 0) -> Iterator[float]:
    """Every resolution of a clock that the facts tell of."""
    if isinstance(facts, dict) and depth < 4:
        for name, value in facts.items():
            if name == _TICK and (seconds := _number(value)) is not None and seconds > 0:
                yield seconds
            elif isinstance(value, dict):
                yield from _ticks(value, depth + 1)


def _contradictions(result: ResultDocument, system: SystemDocument) -> Iterator[str]:
    """What a result and its instance's own description say differently."""
    for name in ("instance_id", "instance_type", "provider", "image_id", "cpu_model"):
        mine, its = getattr(result, name), getattr(system, name)
        if mine is not None and its is not None and mine != its:
            yield f"{name} is {mine} in the result and {its} in system.json"


def _utc(date: datetime) -> datetime:
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
