"""The leaves of ComputeCompass's files: which metric each is, and when a type may have it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from benchtui.core.compare import Cell, compare
from benchtui.core.documents import SystemDocument
from benchtui.core.instance_results import InstanceResult, MetricKey, metric_keys
from benchtui.core.plausibility.naming import Isa, Vendor, cpu_in_words
from benchtui.core.run_records import RunRecord
from benchtui.core.stats import CONFIDENCE, RANKED_FROM, Interval, geometric_mean
from benchtui.report.export.computecompass_numbers import rounded
from benchtui.report.export.figures import LeftOut

ARCHITECTURES = {Vendor.INTEL: "intel", Vendor.AMD: "amd", Vendor.GRAVITON: "graviton"}
TRIAD, GFLOPS = MetricKey("stream", "triad.all"), MetricKey("hpl", "hpl.all")
LATENCY = MetricKey("cache", "latency.dram.2m.ns")
CORE_GFLOPS = MetricKey("hpl", "hpl.core")
KERNELS = ("copy", "scale", "add", "triad")
LEVELS = ("l1", "l2", "l3")
#: The number of Arm among implementers: the processors that EC2 has of it are Graviton.
ARM_IMPLEMENTER = "0x41"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One number of the files."""

    value: float
    interval: Interval | None
    n: int
    repetitions: int
    metric: str


@dataclass(slots=True)
class Measured:
    """One instance type on its way into the files."""

    name: str
    rows: tuple[InstanceResult, ...]
    architecture: str
    leaves: dict[str, Leaf] = field(default_factory=dict)  # by path below the instance
    price: Decimal | None = None


def measured_types(
    records: Sequence[RunRecord], rows: Sequence[InstanceResult], left: list[LeftOut]
) -> Iterator[Measured]:
    """Types whose processor is known, with every leaf that may be written."""
    comparison = compare(rows, keys=metric_keys(rows))
    places = {column.key: at for at, column in enumerate(comparison.columns)}
    for row in comparison.rows:
        if all(one.metrics is None for one in row.results):
            left.append(LeftOut(row.name, first_reason(one.problem for one in row.results)))
            continue
        architecture = _architecture(records, row.name)
        if architecture is None:
            left.append(LeftOut(row.name, "its instances did not say whose processor they have"))
            continue
        found = Measured(row.name, row.results, architecture)
        cells = {key: row.cells[at] for key, at in places.items()}
        for path, key in _sources():
            cell = cells.get(key)
            if cell is not None and cell.ranked:
                _put(found, path, _leaf(cell, key, row.results))
        _derive(found, cells, row.results, records)
        found.price = _price(row.results, row.name, left)
        yield found


def _sources() -> Iterator[tuple[str, MetricKey]]:
    """Leaves with the metric that each is."""
    for kernel in KERNELS:
        yield f"stream.{kernel}.bandwidth", MetricKey("stream", f"{kernel}.all")
    for level in LEVELS:
        yield f"cache.{level}.latency", MetricKey("cache", f"latency.{level}.2m.cycles")
        yield f"cache.{level}.bandwidth", MetricKey("cache", f"read.{level}.one")
    yield "cache.memory.latency", LATENCY
    yield "linpack.gflops", GFLOPS
    yield "linpack.efficiency", MetricKey("hpl", "efficiency.all")
    yield "scaling.singleThread", MetricKey("mixed_precision", "dgemm.2000.one")
    yield "scaling.allCores", MetricKey("mixed_precision", "dgemm.2000.all")


def _put(found: Measured, path: str, leaf: Leaf | None) -> None:
    """Keep a leaf unless rounding leaves nothing of it, or it is not what the format asks for."""
    if leaf is None or rounded(leaf.value, leaf.interval) <= 0:
        return
    if path == "linpack.efficiency" and leaf.value > 1:
        return  # the format wants 0..1; above the measured peak it is only the clock that varies
    found.leaves[path] = leaf


def _leaf(cell: Cell, key: MetricKey, results: Sequence[InstanceResult]) -> Leaf:
    """The median over instances, with the interval of the instances."""
    values = [member.value for member in cell.members]
    members = {(member.run, member.job) for member in cell.members}
    repetitions = sum(
        one.metrics[key.name].samples
        for one in results
        if one.suite == key.suite
        and one.metrics
        and key.name in one.metrics
        and (one.run, one.job) in members
    )
    bounds = cell.estimate.interval if cell.estimate else None
    return Leaf(statistics.median(values), bounds, len(values), repetitions, str(key))


def _derive(
    found: Measured,
    cells: Mapping[MetricKey, Cell],
    results: Sequence[InstanceResult],
    records: Sequence[RunRecord],
) -> None:
    """SMT efficiency where SMT is on, and HPL's order where all instances solved the same."""
    whole, cores = cells.get(GFLOPS), cells.get(CORE_GFLOPS)
    if whole is not None and cores is not None and whole.ranked and cores.ranked and _smt(found, records):
        of_core = {(member.run, member.job): member.value for member in cores.members}
        ratios = [
            member.value / of_core[member.run, member.job]
            for member in whole.members
            if (member.run, member.job) in of_core
        ]
        if len(ratios) >= RANKED_FROM:
            both = f"{GFLOPS} / {CORE_GFLOPS}"
            bounds = geometric_mean(ratios, CONFIDENCE).interval
            leaf = _leaf(whole, GFLOPS, results)
            _put(
                found,
                "scaling.smtEfficiency",
                Leaf(statistics.median(ratios), bounds, len(ratios), leaf.repetitions, both),
            )
    if whole is not None and "linpack.gflops" in found.leaves:
        orders = set(_orders(whole, records))
        if len(orders) == 1 and None not in orders:
            (order,) = orders
            assert order is not None
            leaf = found.leaves["linpack.gflops"]
            found.leaves["linpack.problemSize"] = Leaf(order, None, leaf.n, leaf.repetitions, "hpl/n")


def _orders(cell: Cell, records: Sequence[RunRecord]) -> Iterator[int | None]:
    """The order of every system that HPL solved for a figure."""
    documents = {record.run.run: record for record in records}
    for member in cell.members:
        document = documents[member.run].document(member.job, GFLOPS.suite)
        metric = document.metrics.get(GFLOPS.name) if document else None
        for sample in metric.samples if metric else ():
            order = (sample.model_extra or {}).get("n")
            good = isinstance(order, int) and not isinstance(order, bool) and order > 0
            yield order if good else None


def _smt(found: Measured, records: Sequence[RunRecord]) -> bool:
    """Whether every instance saw more than one thread on a core."""
    threads = [
        system.threads_per_core
        for record in records
        for job, system in record.systems.items()
        if any((row.run, row.job) == (record.run.run, job) for row in found.rows)
    ]
    return bool(threads) and all(count is not None and count > 1 for count in threads)


def _architecture(records: Sequence[RunRecord], name: str) -> str | None:
    """``intel``, ``amd`` or ``graviton``, as every instance of a type observed; None: not known or mixed."""
    seen: set[str | None] = set()
    for record in records:
        for job, system in record.systems.items():
            planned = record.job(job)
            if planned is not None and planned.instance_type == name and system.instance_type == name:
                seen.add(_vendor(system))
    return seen.pop() if len(seen) == 1 else None


def _vendor(system: SystemDocument) -> str | None:
    """By what an instance observed; an Arm core tells its implementer and no name."""
    words = " ".join(part for part in (system.cpu_vendor, system.cpu_model, system.arch) if part)
    cpu = cpu_in_words(words)
    if cpu is None:
        return None
    if cpu.vendor is not None:
        return ARCHITECTURES[cpu.vendor]
    arm = cpu.isa is Isa.ARM and system.cpu_vendor == ARM_IMPLEMENTER
    return ARCHITECTURES[Vendor.GRAVITON] if arm else None


def _price(results: Sequence[InstanceResult], name: str, left: list[LeftOut]) -> Decimal | None:
    """The price an hour, if all instances had the same."""
    prices = {one.price.usd_per_hour for one in results if one.price is not None and one.metrics}
    if len(prices) > 1:
        left.append(LeftOut(f"{name}, price", "its instances had different prices"))
        return None
    price = next(iter(prices), None)
    return price if price is not None and price > 0 else None


def first_reason(reasons: Iterable[str | None]) -> str:
    """The first reason there is."""
    return next((reason for reason in reasons if reason), "not verified")
