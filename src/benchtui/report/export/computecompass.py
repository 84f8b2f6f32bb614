"""The three files that ComputeCompass reads (scttfrdmn/computecompass, state of 2025-06-26).

It validates nothing, so what is wrong here breaks its page: a value that was not measured is a key that is
not there, its parents are. Only verified and plausible results of at least three instances are written, as
the median over instances, rounded to what their interval supports. docs/export.md has every rule.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchtui.core.errors import UsageError
from benchtui.core.run_records import RunRecord, all_rows
from benchtui.core.stats import CONFIDENCE, RANKED_FROM
from benchtui.report.export.computecompass_numbers import dollars, rounded
from benchtui.report.export.computecompass_types import (
    GFLOPS,
    KERNELS,
    LEVELS,
    TRIAD,
    Measured,
    first_reason,
    measured_types,
)
from benchtui.report.export.figures import LeftOut
from benchtui.report.export.tables import time_text

MEMORY, CPU, PRICE = "memory-benchmarks.json", "cpu-benchmarks.json", "price-performance.json"
FILES = (MEMORY, CPU, PRICE)


@dataclass(frozen=True, slots=True)
class Compass:
    """The files by name, those that have something to say, and what is not in them."""

    files: Mapping[str, bytes]
    left_out: tuple[LeftOut, ...]


def as_computecompass(records: Sequence[RunRecord], version: str) -> Compass:
    """The files.

    Args:
        records: runs on EC2.
        version: of benchtui.

    Raises:
        UsageError: a result is of this machine and not of EC2, or nothing may be exported.
    """
    rows = all_rows(records)
    local = sorted({row.run for row in rows if row.local})
    if local:
        raise UsageError(
            f"results of this machine are not exported to ComputeCompass: {', '.join(local)}",
            fix="name runs on EC2 only",
        )
    left: list[LeftOut] = []
    types = list(measured_types(records, rows, left))
    memory = [one for one in types if "stream.triad.bandwidth" in one.leaves]
    cpu = [one for one in types if "linpack.gflops" in one.leaves]
    priced = [one for one in cpu if one.price is not None]
    left += _why_missing(types, memory, cpu, priced)
    if not memory and not cpu:
        why = "; ".join(str(one) for one in left[:4])
        raise UsageError(
            f"nothing may be exported to ComputeCompass: {why or 'nothing was measured'}",
            fix="it takes three verified instances of a type, with stream or hpl",
        )
    frame = _frame(records, version)
    files: dict[str, Mapping[str, Any]] = {MEMORY: _memory(frame, memory, records)}
    if cpu:
        files[CPU] = _cpu(frame, cpu, records)
    if priced:
        files[PRICE] = _prices(frame, priced, records)
    return Compass({name: _bytes(content) for name, content in files.items()}, tuple(left))


def _bytes(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _why_missing(
    types: Sequence[Measured], memory: Sequence[Measured], cpu: Sequence[Measured], priced: Sequence[Measured]
) -> Iterator[LeftOut]:
    """Of each type, why it is not in a file."""
    files = ((MEMORY, memory, "stream", TRIAD.name), (CPU, cpu, "hpl", GFLOPS.name))
    for one in types:
        for file, inside, suite, metric in files:
            if one not in inside:
                yield LeftOut(f"{one.name}, {file}", _reason(one, suite, metric))
        if one not in priced:
            why = "no HPL result" if one not in cpu else "no price is known"
            yield LeftOut(f"{one.name}, {PRICE}", why)


def _reason(one: Measured, suite: str, metric: str) -> str:
    """Why a type has no figure that may be written."""
    of_suite = [row for row in one.rows if row.suite == suite]
    good = [
        row
        for row in of_suite
        if row.verified is True and row.metrics and metric in row.metrics and not row.metrics[metric].doubt
    ]
    if good:
        return f"{len(good)} verified and plausible of {len(of_suite)} instances, {RANKED_FROM} needed"
    return first_reason(row.problem for row in of_suite) if of_suite else f"{suite} was not planned"


def _frame(records: Sequence[RunRecord], version: str) -> dict[str, Any]:
    """What all files begin with. Dated by the newest result, so that the same runs give the same files."""
    newest = max(_finished(records), default=max(record.run.created_at for record in records))
    inputs = {
        f"{record.run.run}/jobs/{job}/{suite}/result.json": digest
        for record in records
        for (job, suite), digest in sorted(record.sha256.items())
    }
    return {
        "version": f"{newest:%Y.%m.%d}",
        "lastUpdated": time_text(newest),
        "x_benchtui": {
            "export_version": version,
            "runs": [record.run.run for record in records],
            "value": "median over instances",
            "interval": f"{CONFIDENCE * 100:g} % of the geometric mean of instances (Student, logarithms)",
            "inputs_sha256": inputs,
        },
    }


def _finished(records: Sequence[RunRecord]) -> Iterator[datetime]:
    for record in records:
        for document in record.documents.values():
            if not isinstance(document, str):
                yield document.finished_at


def _memory(
    frame: Mapping[str, Any], types: Sequence[Measured], records: Sequence[RunRecord]
) -> dict[str, Any]:
    triad = _ranking(types, "stream.triad.bandwidth", "bandwidth", best_first=True)
    latency = _ranking(types, "cache.memory.latency", "latency", best_first=False)
    summary: dict[str, Any] = {
        "totalInstances": len(types),
        "architectures": sorted({one.architecture for one in types}),
    }
    for name, ranking, leaf, unit in (
        ("bestMemoryBandwidth", triad, "bandwidth", "GB/s"),
        ("bestMemoryLatency", latency, "latency", "ns"),
    ):
        if ranking:
            best = ranking[0]
            summary[name] = {"instanceType": best["instanceType"], leaf: best[leaf], "unit": unit}
    return {
        **frame,
        "instances": {one.name: _memory_entry(one, records) for one in types},
        "rankings": {"triad_bandwidth": triad, "memory_latency": latency},
        "summary": summary,
    }


def _memory_entry(one: Measured, records: Sequence[RunRecord]) -> dict[str, Any]:
    stream = {kernel: _with_unit(one, f"stream.{kernel}", {"bandwidth": "GB/s"}) for kernel in KERNELS}
    cache = {
        level: _with_unit(one, f"cache.{level}", {"latency": "cycles", "bandwidth": "GB/s"})
        for level in LEVELS
    }
    cache["memory"] = _with_unit(one, "cache.memory", {"latency": "ns"})
    paths = [path for path in one.leaves if path.startswith(("stream.", "cache."))]
    return {"stream": stream, "cache": cache, "numa": {}, "x_benchtui": _provenance(one, paths, records)}


def _with_unit(one: Measured, parent: str, units: Mapping[str, str]) -> dict[str, Any]:
    """The leaves of a parent that were measured, with their units; nothing at all if none was."""
    found: dict[str, Any] = {}
    for leaf in units:
        if f"{parent}.{leaf}" in one.leaves:
            found[leaf] = _number(one, f"{parent}.{leaf}")
    if found:
        found["unit"] = "|".join(unit for leaf, unit in units.items() if leaf in found)
    return found


def _cpu(frame: Mapping[str, Any], types: Sequence[Measured], records: Sequence[RunRecord]) -> dict[str, Any]:
    instances = {}
    for one in types:
        linpack = {
            name: _number(one, f"linpack.{name}")
            for name in ("gflops", "efficiency", "problemSize")
            if f"linpack.{name}" in one.leaves
        }
        scaling = {
            name: _number(one, f"scaling.{name}")
            for name in ("singleThread", "allCores", "smtEfficiency")
            if f"scaling.{name}" in one.leaves
        }
        paths = [path for path in one.leaves if path.startswith(("linpack.", "scaling."))]
        instances[one.name] = {
            "linpack": linpack,
            "coremark": {},
            "vectorization": {},
            "scaling": scaling,
            "x_benchtui": _provenance(one, paths, records),
        }
    peak = _ranking(types, "linpack.gflops", "gflops", best_first=True)
    return {**frame, "instances": instances, "rankings": {"peak_gflops": peak, "coremark_score": []}}


def _prices(
    frame: Mapping[str, Any], types: Sequence[Measured], records: Sequence[RunRecord]
) -> dict[str, Any]:
    instances = {}
    for one in types:
        assert one.price is not None
        efficiency = {"costPerGflop": dollars(float(one.price) / one.leaves["linpack.gflops"].value)}
        paths = ["linpack.gflops"]
        if "stream.triad.bandwidth" in one.leaves:
            paths.append("stream.triad.bandwidth")
            efficiency["costPerGBs"] = dollars(float(one.price) / one.leaves["stream.triad.bandwidth"].value)
        prices = [row.price for row in one.rows if row.price is not None and row.metrics]
        instances[one.name] = {
            "onDemand": float(one.price),
            "spot": {},
            "reserved": {},
            "costEfficiency": efficiency,
            "x_benchtui": {
                **_provenance(one, paths, records),
                "price_basis": sorted({price.basis for price in prices}),
                "price_as_of": time_text(max(price.as_of for price in prices)),
                "price_region": sorted({price.region for price in prices}),
            },
        }
    return {**frame, "instances": instances}


def _number(one: Measured, path: str) -> float | int:
    leaf = one.leaves[path]
    if path == "linpack.problemSize":
        return int(leaf.value)
    return rounded(leaf.value, leaf.interval)


def _ranking(types: Sequence[Measured], path: str, name: str, *, best_first: bool) -> list[dict[str, Any]]:
    """Instances that have a leaf, best first, with the number that stands in ``instances``."""
    having = [one for one in types if path in one.leaves]
    sign = -1 if best_first else 1
    having.sort(key=lambda one: (sign * _number(one, path), one.name))
    return [
        {"instanceType": one.name, name: _number(one, path), "architecture": one.architecture}
        for one in having
    ]


def _provenance(one: Measured, paths: Sequence[str], records: Sequence[RunRecord]) -> dict[str, Any]:
    """What each number of an instance stands on."""
    documents = [
        (record, document)
        for record in records
        for document in record.documents.values()
        if not isinstance(document, str) and document.instance_type == one.name
    ]
    kernels = {
        system.kernel
        for record in records
        for system in record.systems.values()
        if system.instance_type == one.name and system.kernel
    }
    return {
        "verified": True,
        "metric": {path: one.leaves[path].metric for path in paths},
        "n_instances": {path: one.leaves[path].n for path in paths},
        "n_repetitions": {path: one.leaves[path].repetitions for path in paths},
        "interval": {
            path: [bounds.low, bounds.high]
            for path in paths
            if (bounds := one.leaves[path].interval) is not None
        },
        "zones": sorted({document.zone for _, document in documents if document.zone}),
        "images": sorted({document.image_id for _, document in documents if document.image_id}),
        "kernels": sorted(kernels),
        "runs": sorted({record.run.run for record, _ in documents}),
    }
