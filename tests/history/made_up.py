"""Runs for the index, made up."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from benchtui.core.documents import ConfirmsDocument
from benchtui.core.fingerprint import Fingerprint
from benchtui.core.indexed import IndexedCell, IndexedRun
from benchtui.core.instance_results import InstanceResult, MetricMedian

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def run_id(day: int) -> str:
    return f"{BEGAN + timedelta(days=day):%Y%m%d-%H%M%S}-aaaa"


def nightly(
    day: int,
    levels: Mapping[str, float],
    *,
    kernel: str | None = "6.1.0-1",
    noise: float = 0.003,
    verified: bool = True,
    doubt: str | None = None,
    version: str = "1",
    closed: bool = True,
    confirms: ConfirmsDocument | None = None,
    region: str = "us-east-1",
) -> IndexedRun:
    """A run of day ``day``: three instances of each type, around its level."""
    rng = random.Random(day)
    at = BEGAN + timedelta(days=day)
    cells = []
    for kind, level in levels.items():
        for replicate in range(1, 4):
            samples = tuple(level * (1 + rng.gauss(0, noise)) for _ in range(5))
            metric = MetricMedian(sorted(samples)[2], "GB/s", True, 5, headline=0, doubt=doubt)
            result = InstanceResult(
                run=run_id(day),
                job=f"{kind}-{replicate}",
                instance_type=kind,
                suite="stream",
                arch="arm64",
                vcpus=2,
                cores=2,
                price=None,
                provider="aws",
                planned_at=at,
                mode="quick",
                version=version,
                verified=verified,
                metrics={"triad.all": metric},
                fingerprint=Fingerprint(kernel=kernel, region=region),
            )
            cells.append(IndexedCell(result, {"triad.all": samples}, "a" * 64))
    return IndexedRun(
        run_id(day), at, "nightly", "quick", "0.1.0", len(cells), tuple(levels), Decimal("1.2"), tuple(cells),
        closed, seen=str(day), confirms=confirms,
    )  # fmt: skip
