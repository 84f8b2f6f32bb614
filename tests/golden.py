"""Invented results, for tests of reports and exports: a run of four EC2 types as it lies after a collect.

No instance measured any of it. Values are drawn around round numbers with a fixed seed, so that every test
sees the same. `python -m tests.golden` writes the exports that the tests expect into tests/fixtures/golden.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchtui.core.document_fields import to_json
from benchtui.core.documents import (
    CensusDocument,
    CensusRow,
    DeclinedDocument,
    Outcome,
    ResultDocument,
    RunDocument,
    SystemDocument,
)
from benchtui.core.run_records import RunRecord
from benchtui.engine.run_records import read_records
from tests.engine import fleet

RUN = "20261124-021533-gold"
AT = fleet.T0.replace(hour=2, minute=15, second=33)
FOLDER = Path(__file__).parent / "fixtures" / "golden"


@dataclass(frozen=True)
class Shape:
    """One type: its machine, its price and the figures its instances lie around."""

    arch: str
    vendor: str
    cpu: str
    cores: int
    usd: str
    image: str
    kernel: str
    figures: dict[str, dict[str, float]]
    replicates: int = 4


def stream(all_threads: float, one: float) -> dict[str, float]:
    return {
        f"{kernel}.{team}": value * share
        for team, value in (("all", all_threads), ("one", one))
        for kernel, share in (("copy", 1.05), ("scale", 1.03), ("add", 1.01), ("triad", 1.0))
    }


def cache(l1: float, l2: float, l3: float, dram: float, read: float) -> dict[str, float]:
    """Latencies with cycles at 2.6 GHz, read bandwidths, and a curve over sizes."""
    levels = {"l1": l1, "l2": l2, "l3": l3, "dram": dram}
    found = {f"latency.{level}.2m.ns": ns for level, ns in levels.items()}
    found |= {f"latency.{level}.2m.cycles": ns * 2.6 for level, ns in levels.items()}
    found |= {f"read.{level}.one": read / (1 + 2 * at) for at, level in enumerate(levels)}
    steps = (
        (16, l1), (32, l1), (64, l2), (256, l2), (512, l2), (1024, l2), (2048, l3), (4096, l3), (8192, l3),
        (16384, l3), (32768, (l3 + dram) / 2), (65536, dram), (131072, dram),
    )  # fmt: skip
    for kib, ns in steps:
        name = f"{kib}KiB" if kib < 1024 else f"{kib // 1024}MiB"
        found[f"curve.2m.{name}"] = ns
    return found


SHAPES = {
    "c7g.large": Shape(
        "arm64", "0x41", "implementer 0x41 part 0xd40", 2, "0.0725", "ami-0000000000000a64a",
        "6.1.0-18-cloud-arm64",
        {
            "stream": stream(48.6, 24.0),
            "hpl": {"hpl.all": 62.1, "efficiency.all": 0.88},
            "cache": cache(1.54, 5.2, 31.0, 118.0, 80.0),
            "mixed_precision": {"dgemm.2000.one": 34.0, "dgemm.2000.all": 66.0, "peak.fp64.all": 71.0},
        },
    ),
    "c7i.large": Shape(
        "x86_64", "GenuineIntel", "Intel(R) Xeon(R) Platinum 8488C", 1, "0.0893", "ami-0000000000000a86a",
        "6.1.0-18-cloud-amd64",
        {
            "stream": stream(31.2, 13.1),
            "hpl": {"hpl.all": 74.0, "hpl.core": 70.4, "efficiency.all": 0.83, "efficiency.core": 0.82},
            "cache": cache(1.92, 5.5, 45.0, 131.0, 180.0),
            "mixed_precision": {"dgemm.2000.one": 84.0, "dgemm.2000.all": 86.0, "peak.fp64.all": 97.0},
        },
    ),
    "c7a.large": Shape(
        "x86_64", "AuthenticAMD", "AMD EPYC 9R14", 2, "0.10264", "ami-0000000000000a86a",
        "6.1.0-18-cloud-amd64",
        {
            "stream": stream(47.9, 33.0),
            "hpl": {"hpl.all": 88.0, "efficiency.all": 0.9},
            "cache": cache(1.1, 3.9, 14.0, 104.0, 200.0),
        },
        replicates=2,
    ),
    "c8g.large": Shape(
        "arm64", "0x41", "implementer 0x41 part 0xd4f", 2, "0.07976", "ami-0000000000000a64a",
        "6.1.0-18-cloud-arm64",
        {"stream": stream(55.8, 29.0)},
        replicates=3,
    ),
}  # fmt: skip
UNITS = {"stream": "GB/s", "hpl": "GFLOP/s", "mixed_precision": "GFLOP/s"}
SUITES = ("stream", "hpl", "cache", "mixed_precision")
HEADLINES = {
    "stream": ("triad.all", "triad.one"),
    "hpl": ("hpl.all", "efficiency.all"),
    "cache": ("latency.dram.2m.ns", "latency.l3.2m.ns"),
    "mixed_precision": ("peak.fp64.all", "dgemm.2000.all"),
}
NO_HPL = "package libopenblas-dev: not found for this image"
LOST = "LOST: no heartbeat for 90 s, and EC2 no longer lists the instance"


def jobs() -> Iterator[tuple[str, Shape]]:
    for name, shape in SHAPES.items():
        for number in range(1, shape.replicates + 1):
            yield f"{name}-{number}", shape


def run_document(**changes: Any) -> RunDocument:
    """The plan: four suites for everyone, and one type that was declined before anything was launched."""
    planned = []
    for job, shape in jobs():
        price = fleet.planned(job).price.model_copy(
            update={"usd_per_hour": Decimal(shape.usd), "basis": "pricing-api", "as_of": AT}
        )
        planned.append(
            fleet.planned(
                job,
                suites=SUITES,
                arch=shape.arch,
                cores=shape.cores,
                threads_per_core=2 // shape.cores,
                price=price.model_dump(),
            )
        )
    fields: dict[str, Any] = {
        "run": RUN,
        "name": "invented",
        "created_at": AT,
        "schedules": {"us-west-2": "armed"},
        "declined": (DeclinedDocument(job="c7g.metal-1", suite="stream", reason="budget: too little left"),),
    }
    return fleet.run_of(planned, **(fields | changes))


def unit_of(suite: str, metric: str) -> str:
    if metric.startswith("efficiency"):
        return "1"
    if suite == "cache":
        return "GB/s" if metric.startswith("read") else "cycles" if metric.endswith("cycles") else "ns"
    return UNITS[suite]


def metrics_of(suite: str, figures: dict[str, float], rng: random.Random, host: float) -> dict[str, Any]:
    """A warm-up and five repetitions of every metric."""
    found: dict[str, Any] = {}
    for name, value in figures.items():
        lower = unit_of(suite, name) in ("ns", "cycles")
        centre = value * math.exp((-host if lower else host) + rng.gauss(0, 0.003))
        samples: list[dict[str, Any]] = []
        for at in range(6):
            sample: dict[str, Any] = {
                "value": round(centre * math.exp(rng.gauss(0, 0.004)), 7),
                "seconds": round(0.05 + rng.random() / 100, 6),
                "run": name.rpartition(".")[2],
                "repetition": max(at - 1, 0),
            }
            if at == 0:
                sample["excluded"] = True
            if suite == "hpl":
                sample["n"] = 8000
                del sample["seconds"]
            samples.append(sample)
        found[name] = {
            "unit": unit_of(suite, name),
            "higher_is_better": not lower,
            "samples": samples,
            "normalises": "none" if suite == "cache" or name.startswith("efficiency")
            else "thread" if name.endswith(".one") else "instance",
            "headline": HEADLINES[suite].index(name) if name in HEADLINES[suite] else None,
        }  # fmt: skip
    return found


def result_document(run: RunDocument, job: str, shape: Shape, suite: str, **changes: Any) -> ResultDocument:
    """One suite on one instance. The fourth c7g.large is an outlier in stream."""
    rng = random.Random(f"golden {job} {suite}")
    host = rng.gauss(0, 0.004) + (-0.12 if (job, suite) == ("c7g.large-4", "stream") else 0.0)
    fields: dict[str, Any] = {
        "run": run.run,
        "job": job,
        "suite": suite,
        "suite_version": "1",
        "mode": "quick",
        "outcome": "measured",
        "provider": "aws",
        "instance_id": instance_id(job),
        "instance_type": job.rpartition("-")[0],
        "region": "us-west-2",
        "zone": f"us-west-2{'abc'[int(job[-1]) % 3]}",
        "image_id": shape.image,
        "cpu_model": shape.cpu,
        "started_at": run.created_at + timedelta(minutes=4 + SUITES.index(suite)),
        "finished_at": run.created_at + timedelta(minutes=5 + SUITES.index(suite)),
        "metrics": metrics_of(suite, shape.figures.get(suite, {}), rng, host),
        "checks": [{"name": f"{suite}.all", "ok": True, "value": 0.5, "limit": 1.0}],
        "build": {
            "compiler": "gcc (Debian 12.2.0-14) 12.2.0",
            "source_sha256": digest(f"source {suite}"),
            "binary_sha256": digest(f"binary {suite} {shape.arch}"),
        },
        "verified": True,
        "raw_sha256": digest(f"raw {job} {suite}"),
    }
    if suite == "mixed_precision" and shape.arch == "arm64":
        fields["declined_metrics"] = {"peak.fp16.all": "no AVX512-FP16"}
    if (job, suite) == ("c7i.large-4", "hpl"):
        fields["verified"] = False
        fields["checks"] = [{"name": "residual.all", "ok": False, "value": 17.2, "limit": 16.0}]
    if suite not in shape.figures:
        fields |= {
            "outcome": "declined",
            "reason": NO_HPL,
            "verified": None,
            "metrics": {},
            "raw_sha256": None,
        }
    return ResultDocument.model_validate(fields | changes)


def system_document(run: RunDocument, job: str, shape: Shape, **changes: Any) -> SystemDocument:
    fields: dict[str, Any] = {
        "run": run.run,
        "job": job,
        "provider": "aws",
        "instance_id": instance_id(job),
        "instance_type": job.rpartition("-")[0],
        "region": "us-west-2",
        "zone": f"us-west-2{'abc'[int(job[-1]) % 3]}",
        "image_id": shape.image,
        "arch": "aarch64" if shape.arch == "arm64" else shape.arch,
        "cpu_model": shape.cpu,
        "cpu_vendor": shape.vendor,
        "usable_cpus": 2,
        "physical_cores": shape.cores,
        "threads_per_core": 2 // shape.cores,
        "memory_bytes": 4 << 30,
        "kernel": shape.kernel,
        "os": "Debian GNU/Linux 12 (bookworm)",
        "microcode": "0x2b0004d0" if shape.arch == "x86_64" else None,
    }
    return SystemDocument.model_validate(fields | changes)


def instance_id(job: str) -> str:
    return f"i-0{digest(job)[:16]}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def lie(folder: Path) -> Path:
    """The run as it lies after a collect, in ``folder``/<run>; the last c8g.large was lost."""
    run = run_document()
    base = folder / run.run
    base.mkdir(parents=True)
    (base / "run.json").write_bytes(to_json(run))
    rows = []
    for job, shape in jobs():
        of_job = base / "jobs" / job
        if job != "c8g.large-3":
            of_job.mkdir(parents=True)
            (of_job / "system.json").write_bytes(to_json(system_document(run, job, shape)))
        for suite in SUITES:
            row: dict[str, Any] = {"job": job, "suite": suite, "state": "COMPLETED"}
            if job == "c8g.large-3":
                row |= {"outcome": Outcome.DECLINED, "reason": LOST, "state": "LOST"}
            else:
                document = result_document(run, job, shape, suite)
                (of_job / suite).mkdir()
                (of_job / suite / "result.json").write_bytes(to_json(document))
                row |= {"outcome": document.outcome, "reason": document.reason, "verified": document.verified}
            rows.append(CensusRow.model_validate(row))
    rows += [
        CensusRow(job=one.job, suite=one.suite, outcome=Outcome.DECLINED, reason=one.reason, state="DECLINED")
        for one in run.declined
    ]
    measured = sum(row.outcome is Outcome.MEASURED for row in rows)
    census = CensusDocument(
        run=run.run, taken_at=AT + timedelta(hours=1), closed=True, planned=len(rows), measured=measured,
        declined=len(rows) - measured, rows=tuple(rows), sources={"s3": "ok", "ec2": "ok"},
    )  # fmt: skip
    (base / "census.json").write_bytes(to_json(census))
    return folder


def record(folder: Path) -> RunRecord:
    """The run, read back. The hashes of its files do not depend on what else documents will once hold."""
    (found,) = read_records(lie(folder), (RUN,))
    return replace(found, sha256={cell: digest(f"result {cell[0]} {cell[1]}") for cell in found.sha256})
