"""What is claimed of one suite on one instance, whoever claims it. None always means: not stated."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

from benchtui.core.plausibility.naming import Cpu


class Level(IntEnum):
    """Where in the memory hierarchy a figure was taken, nearest to the core first."""

    L1 = 1
    L2 = 2
    L3 = 3
    DRAM = 4


_LEVELS = {"l1": Level.L1, "l2": Level.L2, "l3": Level.L3, "dram": Level.DRAM, "memory": Level.DRAM}
_LEVELS["ram"] = Level.DRAM


class Dimension(StrEnum):
    """What kind of figure a unit gives."""

    BANDWIDTH = "bandwidth"
    FLOPS = "flops"
    RATE = "rate"  # operations a second
    TIME = "time"
    CYCLES = "cycles"
    OTHER = "other"


#: Unit, in lower case: what it measures, and its size in bytes, operations or seconds.
_UNITS: Mapping[str, tuple[Dimension, float]] = {
    **{
        f"{p}b/s": (Dimension.BANDWIDTH, s)
        for p, s in (("", 1.0), ("k", 1e3), ("m", 1e6), ("g", 1e9), ("t", 1e12))
    },
    **{f"{p}ib/s": (Dimension.BANDWIDTH, s) for p, s in (("k", 2.0**10), ("m", 2.0**20), ("g", 2.0**30))},
    **{
        f"{p}{word}": (Dimension.FLOPS, s)
        for p, s in (("m", 1e6), ("g", 1e9), ("t", 1e12))
        for word in ("flop/s", "flops")
    },
    "operations/sec": (Dimension.RATE, 1.0),
    "operations/s": (Dimension.RATE, 1.0),
    "1/s": (Dimension.RATE, 1.0),
    **{word: (Dimension.TIME, 1.0) for word in ("s", "sec", "second", "seconds")},
    **{word: (Dimension.TIME, 1e-3) for word in ("ms", "milliseconds")},
    **{word: (Dimension.TIME, 1e-6) for word in ("us", "µs", "microseconds")},
    **{word: (Dimension.TIME, 1e-9) for word in ("ns", "nanosecond", "nanoseconds")},
    **{word: (Dimension.CYCLES, 1.0) for word in ("cycle", "cycles")},
}
#: Units of counts, sizes and shares: they may be the same on every instance and every time.
COUNTING_UNITS = frozenset({"1", "b", "byte", "bytes", "count", "objects", "threads", "refinements", "%"})


@dataclass(frozen=True, slots=True)
class Observation:
    """One sample: its value, how long it took, and how much work it did (bytes or operations)."""

    value: float
    seconds: float | None = None
    work: float | None = None


@dataclass(frozen=True, slots=True)
class Quantity:
    """One metric as it is claimed."""

    name: str
    unit: str
    value: float | None  # the one figure that stands for all samples
    samples: tuple[Observation, ...] = ()  # those that count; empty: not listed
    dispersion: float | None = None  # as stated; samples speak for themselves
    aggregate: Observation | None = None  # work and seconds of the stated value, if it is not a sample
    counting: bool = False  # a count, size or share: may be constant
    level: Level | None = None
    latency: bool = False  # time of one access that waits for the one before
    threads: int | None = None  # that worked on it
    suite: str | None = None  # it is a figure of; None: the claim's

    @property
    def dimension(self) -> Dimension:
        """What kind of figure it is."""
        return _UNITS.get(self.unit.lower(), (Dimension.OTHER, 1.0))[0]

    @property
    def scale(self) -> float:
        """Size of the unit in bytes or operations a second, or in seconds."""
        return _UNITS.get(self.unit.lower(), (Dimension.OTHER, 1.0))[1]

    @property
    def stated(self) -> tuple[Observation, ...]:
        """All that is said of it: its samples, else the stated value alone."""
        if self.samples:
            return self.samples
        if self.aggregate is not None:
            return (self.aggregate,)
        return () if self.value is None else (Observation(self.value),)

    @property
    def measured(self) -> bool:
        """Whether it may differ from one sample and one instance to the next."""
        return not self.counting and self.unit.lower() not in COUNTING_UNITS


@dataclass(frozen=True, slots=True)
class Claim:
    """A record: figures, and what it says of where, when and how they came about."""

    name: str  # how it is called where it is spoken of
    instance_type: str
    suite: str
    quantities: tuple[Quantity, ...]
    provider: str = "aws"
    run: str | None = None
    instance_id: str | None = None
    cpu_claimed: Cpu | None = None  # as the record says or the instance observed
    cpu_said: str | None = None  # the words it was said in
    flags: str | None = None  # of the compiler
    image: str | None = None  # of a container or machine, where its name tells a processor
    suites_held: frozenset[str] | None = None  # suites whose figures are in it; None: those of `suite`
    threads: int | None = None  # usable CPUs
    iterations: int | None = None
    runs: int | None = None
    confidence: float | None = None
    started: datetime | None = None
    finished: datetime | None = None
    seconds: float | None = None
    includes_boot: bool = False  # whether `seconds` begins at the launch of the instance
    not_before: datetime | None = None  # nothing of this origin can be older
    not_before_why: str = ""
    not_after: datetime | None = None
    checksums: Mapping[str, str] | None = None  # by name or algorithm
    checksums_needed: frozenset[str] = frozenset({"any"})  # those a record of this origin has to have
    raw_found: str | None = None  # SHA-256 of the raw output that lies there; None: not read
    tick_seconds: float | None = None  # resolution of its clock
    contradictions: tuple[str, ...] = field(default=())  # between this record and its system's own

    @property
    def rented(self) -> bool:
        """Whether its type is one of EC2: the local cloud can play one, and is still the user's machine."""
        return self.provider != "local"

    @property
    def elapsed(self) -> float | None:
        """Seconds between its start and end, or those it states."""
        if self.started is not None and self.finished is not None:
            return (self.finished - self.started).total_seconds()
        return self.seconds

    @property
    def timed(self) -> bool:
        """Whether it says how long anything took: without that nothing shows that something ran."""
        return self.elapsed is not None or any(
            one.seconds is not None for each in self.quantities for one in each.stated
        )


def level_of(name: str) -> Level | None:
    """The level a metric's name tells: ``latency.dram.one``, ``read_l2``."""
    for part in re.split(r"[^a-z0-9]+", name.lower()):
        if part in _LEVELS:
            return _LEVELS[part]
    return None


def hpl_operations(order: float) -> float:
    """Operations of one solution, as HPL counts them: 2/3 N³ + 3/2 N²."""
    square = order * order  # a power overflows with an error, a product does not
    return 2 / 3 * square * order + 3 / 2 * square


def resolution(value: float) -> float:
    """The smallest difference the written form of a number can show, relative to it: 42.1 → 0.0024.

    A number without a decimal point is exact to one; trailing zeros say nothing.
    """
    if value == 0 or not math.isfinite(value):
        return 1.0
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(10.0 ** min(exponent, 0) / abs(value), 1e-15)
