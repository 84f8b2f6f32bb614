"""Bounds that no machine passes, whatever it is.

Each is generous: it is there to refuse what cannot be, not to have an opinion of what is usual.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from benchtui.core.plausibility.claim import Claim, Dimension, Level, Quantity
from benchtui.core.plausibility.judgement import About, Finding, Untested
from benchtui.core.plausibility.naming import Vendor, cpu_of_type, type_name

#: Row access and transfer of DRAM take 30 ns and more by themselves (tRCD + CL + burst of DDR4 and DDR5); the
#: way through caches, mesh and controller comes on top. No server has been seen below 60.
SHORTEST_DRAM_NS = 40.0
#: A cache line from DRAM takes tens of times as long as one from the first level.
LEAST_DRAM_OVER_L1 = 5.0
#: Neighbouring levels may look alike, or the wrong way round, where neighbours take a part of one of them.
LEVEL_SLACK = 1.5
#: Cycles a second: above any processor for rent.
FASTEST_HZ = 6e9
#: Two 64-byte loads and one 64-byte store in a cycle: no core moves more, not even in its first level.
BYTES_PER_CYCLE = 192
#: Two 512-bit fused multiply-adds in a cycle on 8 doubles each. Half the width doubles it.
FP64_FLOP_PER_CYCLE = 32
NARROWEST_FACTOR = 4  # 16-bit floats
#: Little's law: lines under way × bytes of a line ÷ shortest latency. More than 128 no core keeps under way.
DRAM_BYTES_PER_SECOND_AND_THREAD = 128 * 64 / (SHORTEST_DRAM_NS * 1e-9)
#: Arrays of four times the caches: at most a quarter of what is moved can come from them.
CACHED_SHARE = 4 / 3
#: The peak is measured at one clock, HPL at another.
PEAK_SLACK = 1.1
#: An iteration of CoreMark takes 83,000 cycles and more: no score of 12 iterations a second and MHz is known.
CORE_MARK_CYCLES = 50_000

#: GB/s of one socket = channels × 8 bytes × MT/s, by maker and generation of the c, m and r series: Graviton2
#: 8 × DDR4-3200, Graviton3 8 × DDR5-4800, Graviton4 12 × DDR5-5600; EPYC Rome and Milan 8 × DDR4-3200, Genoa
#: 12 × DDR5-4800, Turin 12 × DDR5-6400; Xeon Broadwell 4 × DDR4-2400, Cascade Lake 6 × DDR4-2933, Ice Lake
#: 8 × DDR4-3200, Sapphire Rapids 8 × DDR5-4800, Granite Rapids 12 × MRDIMM-8800 (makers' data sheets).
SOCKET_GB_PER_S: Mapping[tuple[Vendor, int], float] = {
    (Vendor.GRAVITON, 6): 204.8,
    (Vendor.GRAVITON, 7): 307.2,
    (Vendor.GRAVITON, 8): 537.6,
    (Vendor.AMD, 5): 204.8,
    (Vendor.AMD, 6): 204.8,
    (Vendor.AMD, 7): 460.8,
    (Vendor.AMD, 8): 614.4,
    (Vendor.INTEL, 4): 76.8,
    (Vendor.INTEL, 5): 140.8,
    (Vendor.INTEL, 6): 204.8,
    (Vendor.INTEL, 7): 307.2,
    (Vendor.INTEL, 8): 844.8,
}
#: Instances with fewer vCPUs lie on one socket of their host; up to the fourth generation these were smaller.
ONE_SOCKET_BELOW_VCPUS = 64
ONE_SMALL_SOCKET_BELOW_VCPUS = 20


def findings(claim: Claim) -> Iterator[Finding | Untested]:
    """What physics refuses in one claim."""
    for quantity in claim.quantities:
        yield from _positive(quantity)
        yield from _bounded(claim, quantity)
    yield from _hierarchy(claim)
    if any(_from_dram(claim, one) for one in claim.quantities) and _memory_of(claim) is None:
        yield Untested("above-memory-bandwidth", "channels and rate of this machine's memory are not known")


def _numbers(rule: str, reason: str, metric: str | None = None) -> Finding:
    return Finding(rule, About.NUMBERS, reason, metric)


def _values(quantity: Quantity) -> list[float]:
    found = [one.value for one in quantity.samples]
    return found if quantity.value is None else [quantity.value, *found]


def _positive(quantity: Quantity) -> Iterator[Finding]:
    values = _values(quantity)
    if any(not math.isfinite(value) for value in values):
        yield _numbers("not-finite", "is not a finite number", quantity.name)
    elif quantity.dimension is not Dimension.OTHER and any(value <= 0 for value in values):
        if quantity.dimension is Dimension.TIME and quantity.aggregate is not None:
            return  # a time of 0 beside the work it took: zero-time says it
        yield _numbers("not-positive", f"is {min(values):g} {quantity.unit}", quantity.name)


def _bounded(claim: Claim, quantity: Quantity) -> Iterator[Finding]:
    values = [value for value in _values(quantity) if math.isfinite(value)]
    if not values:
        return
    highest, lowest = max(values) * quantity.scale, min(values) * quantity.scale
    threads = quantity.threads or claim.threads or _vcpus(claim)
    chased = quantity.latency and quantity.level is Level.DRAM and quantity.dimension is Dimension.TIME
    if chased and 0 < lowest < SHORTEST_DRAM_NS * 1e-9:
        reason = f"{lowest * 1e9:.3g} ns to memory: DRAM itself takes {SHORTEST_DRAM_NS:g}"
        yield _numbers("dram-latency-below-40ns", reason, quantity.name)
    bound = _bandwidth_bound(claim, quantity, threads)
    if bound is not None and highest > bound[0]:
        yield _numbers("above-memory-bandwidth", f"{highest / 1e9:.4g} GB/s: {bound[1]}", quantity.name)
    if quantity.dimension is Dimension.FLOPS and threads:
        most = FP64_FLOP_PER_CYCLE * NARROWEST_FACTOR * FASTEST_HZ * threads
        if highest > most:
            reason = f"{highest / 1e9:.4g} GFLOP/s on {threads} threads: none does more than {most / 1e9:.0f}"
            yield _numbers("above-arithmetic-peak", reason, quantity.name)
    if claim.suite == "coremark" and quantity.dimension is Dimension.RATE and threads:
        most = FASTEST_HZ / CORE_MARK_CYCLES * threads
        if highest > most:
            reason = (
                f"{highest:.4g} iterations a second on {threads} threads: fewer than {most:.0f} fit into them"
            )
            yield _numbers("above-arithmetic-peak", reason, quantity.name)


def _vcpus(claim: Claim) -> int | None:
    name = type_name(claim.instance_type)
    return name.vcpus if name is not None and claim.rented else None


def _from_dram(claim: Claim, quantity: Quantity) -> bool:
    """Whether a bandwidth is that of memory: the arrays of these suites are four times all caches."""
    suite = quantity.suite or claim.suite
    if quantity.dimension is not Dimension.BANDWIDTH:
        return False
    return suite == "stream" or (suite == "cache" and quantity.level is Level.DRAM)


def _memory_of(claim: Claim) -> float | None:
    """Bytes a second of the memory the instance can reach at most; None: not known."""
    name = type_name(claim.instance_type)
    if not claim.rented or name is None or name.series not in ("c", "m", "r"):
        return None
    vendor = cpu_of_type(claim.instance_type).vendor
    socket = SOCKET_GB_PER_S.get((vendor, name.generation)) if vendor is not None else None
    if socket is None:
        return None
    below = ONE_SOCKET_BELOW_VCPUS if name.generation > 4 else ONE_SMALL_SOCKET_BELOW_VCPUS
    sockets = 1 if name.vcpus is not None and name.vcpus < below else 2
    return socket * 1e9 * sockets


def _bandwidth_bound(claim: Claim, quantity: Quantity, threads: int | None) -> tuple[float, str] | None:
    """The least upper bound that is known, in bytes a second, with its reason."""
    if quantity.dimension is not Dimension.BANDWIDTH:
        return None
    bounds: list[tuple[float, str]] = []
    if _from_dram(claim, quantity):
        memory = _memory_of(claim)
        if memory is not None:
            bounds.append((memory * CACHED_SHARE, f"channels × rate give {memory / 1e9:.4g}"))
        if threads:
            most = DRAM_BYTES_PER_SECOND_AND_THREAD * threads
            bounds.append((most, f"{threads} threads keep no more than {most / 1e9:.0f} under way"))
    if threads:
        most = BYTES_PER_CYCLE * FASTEST_HZ * threads
        bounds.append((most, f"{threads} threads move no more than {most / 1e9:.0f}, even in their caches"))
    return min(bounds, default=None)


def _hierarchy(claim: Claim) -> Iterator[Finding]:
    """Farther away is slower: latencies rise with the level, bandwidths fall."""
    families: dict[tuple[str, Dimension], dict[Level, Quantity]] = defaultdict(dict)
    for quantity in claim.quantities:
        if quantity.level is None or quantity.value is None or not 0 < quantity.value < math.inf:
            continue
        # A loop over vectors need not be fastest where they are smallest; reading and chasing are.
        if quantity.latency or (quantity.suite or claim.suite) == "cache":
            families[_family(quantity), quantity.dimension][quantity.level] = quantity
    for (_, dimension), levels in families.items():
        ordered = [levels[level] for level in sorted(levels)]
        if all(one.latency for one in ordered):
            yield from _rising(ordered)
        elif dimension is Dimension.BANDWIDTH:
            yield from _falling(ordered)


def _family(quantity: Quantity) -> str:
    """The metric's name without its level: figures of one family differ in nothing else."""
    parts = quantity.name.lower().split(".")
    return ".".join(part for part in parts if part not in ("l1", "l2", "l3", "dram", "memory", "ram"))


def _value(quantity: Quantity) -> float:
    assert quantity.value is not None
    return quantity.value * quantity.scale


def _range(quantity: Quantity) -> tuple[float, float]:
    """Lowest and highest of what is stated of it: a disturbed sample shall not make it impossible."""
    values = [value * quantity.scale for value in _values(quantity) if 0 < value < math.inf]
    return min(values), max(values)


def _rising(ordered: list[Quantity]) -> Iterator[Finding]:
    first, last = ordered[0], ordered[-1]
    if first.level is Level.L1 and last.level is Level.DRAM:
        ratio = _range(last)[1] / _range(first)[0]
        if ratio < LEAST_DRAM_OVER_L1:
            yield _numbers(
                "flat-hierarchy",
                f"memory takes {ratio:.2g} times as long as the first level, at least "
                f"{LEAST_DRAM_OVER_L1:g} times is physics: the caches were not left",
            )
    for nearer, farther in pairwise(ordered):
        if _range(farther)[1] * LEVEL_SLACK < _range(nearer)[0]:
            yield _numbers(
                "latency-falls-with-level",
                f"{farther.value:.3g} {farther.unit} is less than the {nearer.value:.3g} of {nearer.name}",
                farther.name,
            )


def _falling(ordered: list[Quantity]) -> Iterator[Finding]:
    for nearer, farther in pairwise(ordered):
        if _range(farther)[0] > _range(nearer)[1] * LEVEL_SLACK:
            yield _numbers(
                "bandwidth-rises-with-level",
                f"{_value(farther) / 1e9:.4g} GB/s is more than the {_value(nearer) / 1e9:.4g} of "
                f"{nearer.name}",
                farther.name,
            )


def held_against_peak(claim: Claim) -> tuple[Quantity, ...]:
    """The figures of a claim that `above_measured_peak` looks at, without their samples."""
    return tuple(
        replace(one, samples=(), aggregate=None)
        for one in claim.quantities
        if (claim.suite == "hpl" and one.name.startswith("efficiency"))
        or (one.dimension is Dimension.FLOPS and _double(claim.suite, one))
    )


def above_measured_peak(
    suite: str, quantities: Iterable[Quantity], peaks: Mapping[int | None, float]
) -> Iterator[Finding | Untested]:
    """HPL is made of double-precision fused multiply-adds: no faster than these alone on the same instance.

    Args:
        suite: of the claim.
        quantities: its `held_against_peak`: figures of double-precision solvers and products.
        peaks: flop/s of double-precision fused multiply-adds in registers, by threads; the highest holds
            where there is none of as many.
    """
    figures = tuple(quantities)
    for one in figures:
        if suite == "hpl" and one.name.startswith("efficiency") and (one.value or 0.0) > PEAK_SLACK:
            reason = f"{one.value:.3g} of the peak of multiply-adds that was measured beside it"
            yield _numbers("above-measured-peak", reason, one.name)
    held = [one for one in figures if one.dimension is Dimension.FLOPS and _double(suite, one)]
    if not held:
        return
    missing = False
    for quantity in held:
        peak = peaks.get(quantity.threads) or max(peaks.values(), default=None)
        if peak is None:
            missing = True
        elif quantity.value is not None and _value(quantity) > peak * PEAK_SLACK:
            alone = f"the {peak / 1e9:.4g} of multiply-adds alone"
            reason = f"{_value(quantity) / 1e9:.4g} GFLOP/s are more than {alone}"
            yield _numbers("above-measured-peak", reason, quantity.name)
    if missing:
        yield Untested("above-measured-peak", "needs the peak of mixed_precision on the same instance")


def _double(suite: str, quantity: Quantity) -> bool:
    """Whether it is arithmetic in double precision that a peak of it bounds."""
    what = quantity.name.lower().split(".")[0]
    return suite == "hpl" or (suite == "mixed_precision" and what in ("dgemm", "dgesv"))


def is_double_peak(metric: str) -> bool:
    """Whether a metric of mixed_precision is the peak of double-precision multiply-adds: ``fma.fp64.all``."""
    parts = metric.lower().split(".")
    return parts[0] in ("fma", "peak", "fma_peak") and "fp64" in parts
