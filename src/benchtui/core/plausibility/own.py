"""benchtui's own results as claims."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchtui.core.documents import (
    JobDocument,
    Metric,
    Outcome,
    ResultDocument,
    RunDocument,
    Sample,
    SystemDocument,
)
from benchtui.core.plausibility import Judgement, judge
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


def judge_runs(runs: Sequence[Evidence]) -> tuple[dict[Cell, Judgement], ...]:
    """Judge every measured result of the runs, each beside all others; one mapping for each run."""
    claims: list[Claim] = []
    cells: list[tuple[int, Cell]] = []
    for at, evidence in enumerate(runs):
        jobs = {job.job: job for job in evidence.run.jobs}
        for cell, result in evidence.results.items():
            if not isinstance(result, ResultDocument) or result.outcome is not Outcome.MEASURED:
                continue
            if cell[0] not in jobs:
                continue
            cells.append((at, cell))
            claims.append(
                claim_of(
                    result,
                    evidence.run,
                    jobs[cell[0]],
                    system=evidence.systems.get(cell[0]),
                    raw_sha256=evidence.raw_sha256.get(cell),
                    read_at=evidence.read_at,
                    across_runs=len(runs) > 1,
                )
            )
    found: tuple[dict[Cell, Judgement], ...] = tuple({} for _ in runs)
    for (at, cell), judgement in zip(cells, judge(claims), strict=True):
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
    across_runs: bool = False,
) -> Claim:
    """A measured result as a claim.

    Args:
        result: of this run and job.
        run: its plan.
        job: as planned.
        system: what the instance observed of itself; None: not known.
        raw_sha256: of the raw output that lies beside the result; None: not read.
        read_at: when the result was read.
        across_runs: whether it is judged beside results of other runs, and has to be told from them.
    """
    place = f"{result.run}/{result.job}" if across_runs else result.job
    said = [system.cpu_vendor, system.cpu_model, system.arch] if system is not None else [result.cpu_model]
    words = " ".join(part for part in said if part) or None
    threads = _threads(system, job)
    counts = [_count(value) for name, value in result.facts.items() if name.startswith("repetitions.")]
    counted, seen = sum(counts), _repetitions(result) if counts else 0
    return Claim(
        name=place,
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
            Observation(sample.value, sample.seconds, _work(suite, sample) if rate else None)
            for sample in counted
        ),
        # What is no rate and no time and never varies is computed, not measured: the same everywhere.
        counting=bare.dimension is Dimension.OTHER and len(counted) > 1 and len(values) == 1,
        level=level_of(name),
        latency=bare.dimension in (Dimension.TIME, Dimension.CYCLES) and not _CHASES.isdisjoint(parts),
        threads=threads.get(parts[-1]),
    )


def _work(suite: str, sample: Sample) -> float | None:
    """Bytes or operations of a sample: its own word for it, or what its suite is known to mean."""
    extra = sample.model_extra or {}

    def number(name: str) -> float | None:
        value = extra.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    if (work := number("work")) is not None:
        return work
    if suite in ("stream", "vector_ops"):
        return number("bytes")
    if suite == "cache":
        size, passes = number("bytes"), number("passes")
        return size * passes if size is not None and passes is not None else None
    if suite == "mixed_precision":
        return number("flops")
    order = number("n")
    return hpl_operations(order) if suite == "hpl" and order is not None else None


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
    if isinstance(facts, Mapping) and depth < 4:
        for name, value in facts.items():
            if name == _TICK and isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
                yield float(value)
            else:
                yield from _ticks(value, depth + 1)


def _contradictions(result: ResultDocument, system: SystemDocument) -> Iterator[str]:
    """What a result and its instance's own description say differently."""
    for name in ("instance_id", "instance_type", "provider", "image_id", "cpu_model"):
        mine, its = getattr(result, name), getattr(system, name)
        if mine is not None and its is not None and mine != its:
            yield f"{name} is {mine} in the result and {its} in system.json"


def _utc(date: datetime) -> datetime:
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
