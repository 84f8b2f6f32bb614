"""What one instance measured with one suite, in the form comparisons work on, and its normalisation."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from benchtui.core.catalogue import Price
from benchtui.core.errors import UsageError

#: Metrics of each suite that tell most of a type, the most telling first; others follow as reported.
HEADLINES: Mapping[str, tuple[str, ...]] = {"stream": ("triad.all", "triad.one")}
#: Ending of metrics that use the whole instance, the one a buyer pays for.
WHOLE_INSTANCE = ".all"


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
    cpu_model: str | None = None
    verified: bool | None = None
    metrics: Mapping[str, MetricMedian] | None = None
    problem: str | None = None  # why there are no metrics

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
    gets worse by as much as an instance is larger or dearer.
    """
    if basis is Basis.INSTANCE:
        return metric.median
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
    names: dict[str, dict[str, None]] = {}
    for result in results:
        names.setdefault(result.suite, {}).update(dict.fromkeys(result.metrics or {}))
    return tuple(
        MetricKey(suite, name)
        for suite, found in names.items()
        for name in sorted(found, key=_telling(suite))
    )


def headline_keys(results: Iterable[InstanceResult]) -> tuple[MetricKey, ...]:
    """Few metrics that stand for all: those known to tell most, or the first of a suite."""
    keys = metric_keys(results)
    first = {key.suite: key for key in reversed(keys)}
    return tuple(
        key
        for key in keys
        if (key.name in HEADLINES[key.suite] if key.suite in HEADLINES else key == first[key.suite])
    )


def _telling(suite: str) -> Callable[[str], tuple[int, bool]]:
    headlines = HEADLINES.get(suite, ())

    def rank(name: str) -> tuple[int, bool]:
        position = headlines.index(name) if name in headlines else len(headlines)
        return position, not name.endswith(WHOLE_INSTANCE)

    return rank


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
