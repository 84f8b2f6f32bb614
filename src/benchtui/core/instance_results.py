"""What one instance measured with one suite, in the form comparisons work on, and its normalisation."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from benchtui.core.catalogue import Price
from benchtui.core.errors import UsageError
from benchtui.core.fingerprint import Fingerprint

#: Metrics that told most before results ranked them themselves; of other suites it was the first.
UNRANKED: Mapping[str, tuple[str, ...]] = {"stream": ("triad.all", "triad.one")}
#: Ending of metrics that use the whole instance, the one a buyer pays for.
WHOLE_INSTANCE = ".all"
NO_RANK = 1_000_000


class Basis(StrEnum):
    """Per what a figure is given."""

    INSTANCE = "instance"
    VCPU = "vcpu"
    CORE = "core"
    DOLLAR = "dollar"

    @property
    def words(self) -> str:
        """For a sentence: ``per physical core``."""
        return {"vcpu": "per vCPU", "core": "per physical core", "dollar": "per $/h"}.get(
            self, "per instance"
        )


@dataclass(frozen=True, slots=True)
class MetricMedian:
    """One metric of one instance: the median of its repetitions."""

    median: float
    unit: str
    higher_is_better: bool
    samples: int
    normalises: str = "instance"  # whose figure it is: the whole instance's, one thread's, or nobody's (none)
    headline: int | None = None  # its rank among the metrics that tell most; None: it has none
    doubt: str | None = None  # why it is not plausible, or stands in a record that is not; None: it is


@dataclass(frozen=True, slots=True)
class InstanceResult:
    """One suite on one instance, or why there is nothing of it."""

    run: str
    job: str
    instance_type: str  # as it may be shown, see `shown_type`
    suite: str
    arch: str
    vcpus: int | None
    cores: int | None  # physical
    price: Price | None
    provider: str
    planned_at: datetime  # of the run, UTC
    mode: str
    version: str | None = None  # of the suite
    zone: str | None = None
    region: str | None = None
    market: str = "on_demand"
    cpu_model: str | None = None
    verified: bool | None = None
    metrics: Mapping[str, MetricMedian] | None = None
    problem: str | None = None  # why there are no metrics
    fingerprint: Fingerprint | None = None  # what it was measured under
    expected_usd: Decimal | None = None  # planned cost of one more like it, with all suites of its job

    @property
    def local(self) -> bool:
        """Whether it was measured on the user's own machine."""
        return self.provider == "local"


@dataclass(frozen=True, slots=True)
class MetricKey:
    """A metric of a suite."""

    suite: str
    name: str

    def __str__(self) -> str:
        return f"{self.suite}/{self.name}"


def shown_type(provider: str, instance_type: str, vcpus: int) -> str:
    """The name a result may be shown under.

    The local cloud can play an EC2 type; what it measures is still this machine, and is named so.
    """
    if provider == "local" and not instance_type.startswith("local."):
        return f"local.{vcpus}cpu"
    return instance_type


def normalise(metric: MetricMedian, result: InstanceResult, basis: Basis) -> float | str:
    """The median per vCPU, core or dollar an hour, or why it is not known.

    What is better when higher is divided, what is better when lower is multiplied: either way the figure
    gets worse by as much as an instance is larger or dearer. Only what all of it does can be divided.
    """
    if basis is Basis.INSTANCE:
        return metric.median
    if metric.normalises == "thread":
        return "one thread's figure: there is nothing to divide it by"
    if metric.normalises != "instance":
        return "does not grow with the instance: there is nothing to divide it by"
    if basis is Basis.DOLLAR:
        if result.local:
            return "this machine is not rented"
        if result.price is None or result.price.usd_per_hour <= 0:
            return "price not known"
        size = float(result.price.usd_per_hour)
    else:
        count = result.vcpus if basis is Basis.VCPU else result.cores
        if not count:
            return f"number of {'vCPUs' if basis is Basis.VCPU else 'cores'} not known"
        size = float(count)
    return metric.median / size if metric.higher_is_better else metric.median * size


def unit_per(unit: str, basis: Basis, *, higher_is_better: bool) -> str:
    """Unit of a normalised figure: ``GB/s per vCPU``, ``s × vCPU``."""
    if basis is Basis.INSTANCE:
        return unit
    size = {Basis.VCPU: "vCPU", Basis.CORE: "core", Basis.DOLLAR: "$/h"}[basis]
    return f"{unit} per {size}" if higher_is_better else f"{unit} × {size}"


def metric_keys(results: Iterable[InstanceResult]) -> tuple[MetricKey, ...]:
    """Every metric there is, suites in the order they come in, the telling metrics of each first."""
    ranks = _ranks(results)
    return tuple(
        MetricKey(suite, name)
        for suite, found in ranks.items()
        for name in sorted(found, key=lambda name: (found[name], not name.endswith(WHOLE_INSTANCE)))
    )


def headline_keys(results: Iterable[InstanceResult]) -> tuple[MetricKey, ...]:
    """Few metrics that stand for all: those a suite says tell most, or its first."""
    several = tuple(results)
    ranks, keys = _ranks(several), metric_keys(several)
    first = {key.suite: key for key in reversed(keys)}
    return tuple(key for key in keys if ranks[key.suite][key.name] < NO_RANK or key == first[key.suite])


def _ranks(results: Iterable[InstanceResult]) -> dict[str, dict[str, int]]:
    """Rank of every metric of every suite, as the results have it."""
    ranks: dict[str, dict[str, int]] = {}
    for result in results:
        found = ranks.setdefault(result.suite, {})
        for name, metric in (result.metrics or {}).items():
            rank = NO_RANK if metric.headline is None else metric.headline
            found[name] = min(rank, found.get(name, NO_RANK))
    for suite, found in ranks.items():
        if all(rank == NO_RANK for rank in found.values()):
            found.update({name: at for at, name in enumerate(UNRANKED.get(suite, ())) if name in found})
    return ranks


def find_metric(text: str, keys: Iterable[MetricKey]) -> MetricKey:
    """The metric called ``stream/triad.all``, or ``triad.all`` where one suite alone reports it.

    Raises:
        UsageError: there is none, or more than one; names the nearest.
    """
    known = tuple(keys)
    found = [key for key in known if text in (str(key), key.name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"several suites report {text}", fix=f"say which: {' or '.join(str(key) for key in found)}"
        )
    raise UsageError(f"no result has the metric {text}", fix=nearest(text, [str(key) for key in known]))


def nearest(text: str, known: Iterable[str]) -> str:
    """What might have been meant, and what there is."""
    names = list(dict.fromkeys(known))
    by_tail = {name.rpartition("/")[2]: name for name in reversed(names)} | {name: name for name in names}
    near = difflib.get_close_matches(text, by_tail, n=1, cutoff=0.4)
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    if not names:
        return "there is nothing to choose from"
    return f"did you mean {by_tail[near[0]]}? there are {listed}" if near else f"there are {listed}"
