"""Launches in waves: under a quota of vCPUs only so many jobs of a region run at the same time.

A wave is what fits into what is free of the quota, in launch order. It is how a launch is foreseen: the
launcher itself begins the next job as soon as enough vCPUs came free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchtui.core.catalogue import Missing, VcpuLimit

#: Instance types of a region by the quota that counts them.
Limits = Mapping[tuple[str, str], VcpuLimit | Missing]


class WaveJob(Protocol):
    """A job as waves are made of it."""

    @property
    def job(self) -> str:
        """Its id."""
        ...

    @property
    def instance_type(self) -> str:
        """Its type."""
        ...

    @property
    def region(self) -> str:
        """Where it is launched."""
        ...

    @property
    def vcpus(self) -> int:
        """vCPUs of its instance."""
        ...

    @property
    def expected_seconds(self) -> int:
        """How long it is expected to take."""
        ...


@dataclass(frozen=True, slots=True)
class Wave:
    """Jobs of one region and quota that run at the same time."""

    region: str
    code: str  # of the quota; empty: it is not known, and all jobs are one wave
    number: int  # from 1
    jobs: tuple[str, ...]  # in launch order
    vcpus: int
    expected_seconds: int  # of its longest job


def waves_of(jobs: Iterable[WaveJob], limits: Limits) -> tuple[Wave, ...]:
    """The waves of ``jobs``, which are in launch order; by region, by quota, by number.

    A job that is larger than what is free makes a wave of its own: it waits for the instances of others.
    """
    queues: dict[tuple[str, str], list[WaveJob]] = {}
    free: dict[tuple[str, str], int | None] = {}
    for job in jobs:
        limit = limits.get((job.region, job.instance_type))
        known = limit if isinstance(limit, VcpuLimit) else None
        pool = job.region, known.code if known is not None else ""
        queues.setdefault(pool, []).append(job)
        free[pool] = known.free if known is not None else None
    return tuple(wave for pool, queue in queues.items() for wave in _filled(pool, queue, free[pool]))


def _filled(pool: tuple[str, str], queue: Sequence[WaveJob], free: int | None) -> list[Wave]:
    region, code = pool
    parts: list[list[WaveJob]] = [[]]
    for job in queue:
        taken = sum(each.vcpus for each in parts[-1])
        if free is not None and parts[-1] and taken + job.vcpus > free:
            parts.append([])
        parts[-1].append(job)
    return [
        Wave(
            region,
            code,
            number,
            tuple(job.job for job in part),
            sum(job.vcpus for job in part),
            max(job.expected_seconds for job in part),
        )
        for number, part in enumerate(parts, start=1)
    ]


def expected_seconds(waves: Iterable[Wave]) -> int:
    """How long all waves are expected to take: those of one quota one after the other, quotas beside each
    other."""
    sums: dict[tuple[str, str], int] = {}
    for wave in waves:
        pool = wave.region, wave.code
        sums[pool] = sums.get(pool, 0) + wave.expected_seconds
    return max(sums.values(), default=0)


def most_in_a_row(waves: Iterable[Wave]) -> int:
    """The largest number of waves of one quota; 0 without a job."""
    return max((wave.number for wave in waves), default=0)
