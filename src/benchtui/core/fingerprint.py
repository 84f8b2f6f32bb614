"""What figures depend on besides the instance type, and where instances that are compared differ in it.

Nothing is left out for a difference; it is marked: a ratio between two kernels is a ratio of types only if
the kernels are the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchtui.core.instance_results import InstanceResult

#: Clocks of one type further apart than this are marked, as a fraction: what the agent calls throttled.
CLOCKS_APART = 0.02
#: A kernel's or an image's name ends in the architecture it is for; that alone is no difference.
_ARCHITECTURE = re.compile(r"[-._](amd64|arm64|x86_64|aarch64)$")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What one result was measured under; None is not known and differs from nothing."""

    kernel: str | None = None
    image: str | None = None
    microcode: str | None = None
    compiler: str | None = None
    region: str | None = None
    cpu: str | None = None
    clock_mhz: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which instances that are compared are not alike."""

    what: str  # kernel, image, microcode, compiler, region, cpu, clock
    within: str | None  # the type whose instances differ; None: those of ``types`` do
    types: tuple[str, ...]
    values: tuple[tuple[str, int], ...]  # with the number of instances, most first
    suite: str | None = None  # of a compiler

    @property
    def sentence(self) -> str:
        """``c7g.large: instances differ in kernel: 6.1.0-18 (2), 6.1.0-20 (1)``."""
        listed = ", ".join(f"{value} ({count})" for value, count in self.values[:4])
        if len(self.values) > 4:
            listed += f" and {len(self.values) - 4} more"
        what = self.what if self.suite is None else f"{self.what} of {self.suite}"
        if self.within is not None:
            return f"{self.within}: instances differ in {what}: {listed}"
        return f"{' and '.join(self.types)} differ in {what}: {listed}"


def differences(
    groups: Mapping[str, Sequence[InstanceResult]], bases: Mapping[str, str]
) -> tuple[Difference, ...]:
    """Where instances differ: within each group, and between a group and what it is compared with.

    Between types only what could be the same is compared: kernel without the name of its architecture,
    region, compiler of the same suite; image of the same architecture and region (its id is one region's);
    microcode of the same CPU. The clock is a property of a type, so it is compared within types alone.

    Args:
        groups: results by the name they are shown under.
        bases: what each is compared with.
    """
    found: list[Difference] = []
    for name, results in groups.items():
        for key, values in _values(results).items():
            if len(values) > 1:
                found.append(_difference(key, name, (name,), values))
        clocks = _clocks(results)
        if len(clocks) > 1 and max(clocks) > min(clocks) * (1 + CLOCKS_APART):
            bounds = ((f"{min(clocks):.0f} to {max(clocks):.0f} MHz", len(clocks)),)
            found.append(Difference("clock", name, (name,), bounds))
    for name, base in bases.items():
        if name != base and name in groups and base in groups:
            theirs = _values(groups[base])
            for key, ours in _values(groups[name]).items():
                if key in theirs and set(ours) != set(theirs[key]):
                    found.append(_difference(key, None, (name, base), ours + theirs[key]))
    return _joined(found)


#: A field, with what has to be the same for its values to be comparable.
_Key = tuple[str, tuple[str | None, ...]]


def _values(results: Iterable[InstanceResult]) -> dict[_Key, Counter[str]]:
    """Instances by value, for every field."""
    seen: dict[_Key, dict[tuple[str, str], str]] = {}
    for result in results:
        mark = result.fingerprint
        if mark is None or result.metrics is None:
            continue
        for key, value in _fields(result, mark):
            if value is not None:
                seen.setdefault(key, {})[result.run, result.job] = value
    return {key: Counter(values.values()) for key, values in seen.items()}


def _fields(result: InstanceResult, mark: Fingerprint) -> Iterable[tuple[_Key, str | None]]:
    kernel = None if mark.kernel is None else _ARCHITECTURE.sub("", mark.kernel)
    yield ("kernel", ()), kernel
    yield ("image", (result.arch, mark.region)), mark.image
    yield ("microcode", (mark.cpu,)), mark.microcode
    yield ("compiler", (result.suite,)), mark.compiler
    yield ("region", ()), mark.region
    yield ("cpu", (result.instance_type,)), mark.cpu


def _clocks(results: Iterable[InstanceResult]) -> list[float]:
    """The greatest clock each instance was seen at, MHz."""
    seen: dict[tuple[str, str], float] = {}
    for result in results:
        clock = result.fingerprint.clock_mhz if result.fingerprint is not None else None
        if clock is not None:
            place = (result.run, result.job)
            seen[place] = max(clock, seen.get(place, 0.0))
    return list(seen.values())


def _difference(key: _Key, within: str | None, types: tuple[str, ...], values: Counter[str]) -> Difference:
    what, same = key
    suite = same[0] if what == "compiler" else None
    ordered = sorted(values.items(), key=lambda one: (-one[1], one[0]))
    return Difference(what, within, types, tuple(ordered), suite)


def _joined(found: Sequence[Difference]) -> tuple[Difference, ...]:
    """One difference where several suites have the same one of their compiler."""
    kept: dict[tuple[object, ...], Difference] = {}
    for one in found:
        key = (one.what, one.within, one.types, one.values)
        kept[key] = replace(one, suite=None) if key in kept else one
    return tuple(kept.values())
