"""Numbers that belong to another instance: copies, scaled copies, replays. Needs the other rows.

Two instances never measure the same digits. How little a coincidence is to be expected is counted in bits:
a figure written to 0.01 % where honest ones differ by 5 % says log2(500) = 9 bits; from `ENOUGH_BITS` on,
one in 65,000, it is no coincidence.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice

from benchtui.core.plausibility.claim import resolution
from benchtui.core.plausibility.judgement import About, Finding, Untested
from benchtui.core.plausibility.naming import cpu_of_type, type_name
from benchtui.core.plausibility.trace import Figures, Trace

ENOUGH_BITS = 16.0
#: By how much the shape of a vector (triad over copy) differs between processors, and on one.
SHAPE_ACROSS_PROCESSORS = 0.05
SHAPE_ON_ONE_PROCESSOR = 1e-3
#: Three figures that agree to three digits across types are copied, whatever the types have in common.
EQUAL_FROM = 3
THREE_DIGITS = 0.005
#: Shapes farther apart than this cannot be one vector times a constant.
NEIGHBOURS = 2e-3
#: Of many rows with one value each is held against so many: copies are next to each other.
MOST_NEIGHBOURS = 50
#: A share of one result's samples that recur in another's, digit by digit, and how much chance they exclude.
REPLAYED_SHARE = 0.5
REPLAYED_BITS = 24.0
NAMED = 3
#: What is left of a product after it was written and read again.
EXACT = 1e-12
FARTHEST = 20.0  # of two figures of one metric, as a logarithm: no machine is e^20 times another

Found = dict[int, list[Finding | Untested]]
ByPosition = Mapping[int, Figures]


def findings(claims: Sequence[Trace]) -> Found:
    """What the claims say against each other, by position."""
    found: Found = defaultdict(list)
    by_suite: dict[str, list[int]] = defaultdict(list)
    for position, claim in enumerate(claims):
        for suite in claim.figures:
            by_suite[suite].append(position)
    for suite, positions in by_suite.items():
        if len({_place(claims[at]) for at in positions}) < 2:
            for at in positions:
                found[at].append(Untested("identical-vector", f"needs rows of {suite} on other instances"))
            continue
        figures = {at: claims[at].figures[suite] for at in positions}
        _vectors(claims, figures, found)
        _replays(claims, figures, found)
    _same_raw(claims, found)
    _same_instance(claims, found)
    return found


def _place(claim: Trace) -> tuple[str | None, str]:
    """Where it was measured, as far as it says."""
    return claim.instance_id or claim.name, claim.name


def _numbers(rule: str, reason: str, metric: str | None = None) -> Finding:
    return Finding(rule, About.NUMBERS, reason, metric)


def _names(claims: Sequence[Trace], positions: Sequence[int]) -> str:
    names = list(dict.fromkeys(claims[at].name for at in positions))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


# Vectors: one figure for each metric.


def _vectors(claims: Sequence[Trace], figures: ByPosition, found: Found) -> None:
    vectors = {at: here.vector for at, here in figures.items()}
    equal: dict[int, list[int]] = defaultdict(list)
    scaled: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for one, other in _candidates(vectors):
        relation = _related(claims[one], claims[other], vectors[one], vectors[other])
        if relation is None:
            continue
        if relation == 1:
            equal[one].append(other)
            equal[other].append(one)
        else:
            scaled[one].append((other, relation))
            scaled[other].append((one, 1 / relation))
    for at, others in equal.items():
        reason = f"all {len(vectors[at])} figures are those of {_names(claims, others)}, to the last digit"
        found[at].append(_numbers("identical-vector", reason))
    for at, factors in scaled.items():
        other, factor = factors[0]
        reason = f"all {len(vectors[at])} figures are {factor:.6g} times those of {claims[other].name}"
        found[at].append(_numbers("constant-multiple-vector", reason))


def _candidates(vectors: Mapping[int, Mapping[str, float]]) -> Iterator[tuple[int, int]]:
    """Pairs that could be multiples of each other: those of equal metrics and nearly equal shape."""
    kinds: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, vector in vectors.items():
        if vector:
            kinds[tuple(sorted(vector))].append(at)
    for names, members in kinds.items():
        first, second = names[0], names[1] if len(names) > 1 else None
        shape = sorted(
            (math.log(vectors[at][first]) - (math.log(vectors[at][second]) if second else 0.0), at)
            for at in members
        )
        keys = [key for key, _ in shape]
        for index, (key, at) in enumerate(shape):
            end = min(bisect_right(keys, key + NEIGHBOURS), index + 1 + MOST_NEIGHBOURS)
            for _, other in shape[max(index + 1, bisect_left(keys, key)) : end]:
                yield at, other


def _related(one: Trace, other: Trace, a: Mapping[str, float], b: Mapping[str, float]) -> float | None:
    """The factor from ``b`` to ``a`` if one is copied from the other; None: they are independent."""
    if _place(one) == _place(other):
        return None
    differ = one.instance_type != other.instance_type
    spread = SHAPE_ACROSS_PROCESSORS if _processor(one) != _processor(other) else SHAPE_ON_ONE_PROCESSOR
    if all(a[name] == b[name] for name in a):
        rough = sum(resolution(value) <= THREE_DIGITS for value in a.values())
        bits = sum(_bits(spread, resolution(value)) for value in a.values())
        return 1.0 if bits >= ENOUGH_BITS or (differ and rough >= EQUAL_FROM) else None
    if len(a) < EQUAL_FROM or not _multiples(a, b):
        return None
    logs = {name: math.log(a[name]) - math.log(b[name]) for name in a}
    middle = sorted(logs.values())[len(logs) // 2]
    if abs(middle) > FARTHEST:
        return None
    said, finest = [], 1.0
    for name in a:
        off, mine, theirs = abs(logs[name] - middle), resolution(a[name]), resolution(b[name])
        # A multiple is one as far as digits were written: what differs by more is no copy of the other.
        if off > (mine + theirs) / 2 + EXACT:
            return None
        written = min(mine, theirs) if off <= EXACT else mine + theirs
        finest = min(finest, written)
        said.append(_bits(spread, written))
    # Of the figures the one that says most fixes the factor; each other one could have been different.
    factor = math.exp(middle)
    bits = sum(said) - max(said) + _round_factor(factor, finest)
    return factor if bits >= ENOUGH_BITS else None


def _multiples(a: Mapping[str, float], b: Mapping[str, float]) -> bool:
    """Whether the first two figures can be those of ``b`` times one constant, as far as written."""
    first, second = islice(a, 2)
    off = abs(math.log(a[first]) - math.log(b[first]) - math.log(a[second]) + math.log(b[second]))
    digits = sum(resolution(vector[name]) for vector in (a, b) for name in (first, second))
    return off <= max(digits, 4 * EXACT)


def _bits(spread: float, agreement: float) -> float:
    return max(0.0, math.log2(spread / agreement)) if spread > 0 else 0.0


def _round_factor(factor: float, finest: float) -> float:
    """A factor of two digits, like 0.95, is one that a person chose; a measured one seldom is that round."""
    for one in (factor, 1 / factor):
        near = float(f"{one:.2g}")
        off = abs(one / near - 1)
        if near != 1 and off <= finest:
            return max(0.0, math.log2(0.01 / max(off, finest)))
    return 0.0


def _processor(claim: Trace) -> str:
    """Types of one generation and maker have the same processor, or nearly: c7g.large and r7g.xlarge."""
    name = type_name(claim.instance_type)
    maker = cpu_of_type(claim.instance_type).vendor
    return claim.instance_type if name is None else f"{name.generation} {maker or name.series}"


# Replays: samples that are another instance's.


def _replays(claims: Sequence[Trace], figures: ByPosition, found: Found) -> None:
    """Samples that recur on another instance, value by value."""
    sampled: dict[str, dict[int, array[float]]] = defaultdict(dict)  # by metric and position
    for at, here in figures.items():
        for name, samples in here.sampled:
            sampled[name][at] = samples
    shared: dict[tuple[int, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, by_position in sampled.items():
        for value, where in _recurring(by_position).items():
            for index, one in enumerate(where):
                for other in where[index + 1 : index + 1 + MOST_NEIGHBOURS]:
                    shared[one, other][name].append(value)
    replayed: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for one, other in sorted(shared):
        if _place(claims[one]) == _place(claims[other]):
            continue
        suspects = {
            name: bits
            for name, values in shared[one, other].items()
            if (bits := _chance(sampled[name][one], sampled[name][other], values)) > 0
        }
        if sum(suspects.values()) >= REPLAYED_BITS:
            for name in suspects:
                replayed[one][name].append(other)
                replayed[other][name].append(one)
    for at, names in replayed.items():
        found[at] += _told(claims, figures[at], names)


def _recurring(samples: Mapping[int, array[float]]) -> dict[float, list[int]]:
    """Values of one metric that were sampled at more than one position, with these in order."""
    if len(set(chain.from_iterable(samples.values()))) == sum(map(len, samples.values())):
        return {}  # the usual case, and at once
    seen: dict[float, list[int]] = defaultdict(list)
    for at, values in samples.items():
        for value in values:
            seen[value].append(at)
    return {value: where for value, where in seen.items() if len(where) > 1}


def _told(claims: Sequence[Trace], figures: Figures, names: Mapping[str, Sequence[int]]) -> Iterator[Finding]:
    """Findings for the metrics that are replayed; one for all of them if none is left."""
    if set(names) >= {name for name, _ in figures.sampled}:
        others = [other for each in names.values() for other in each]
        yield _numbers("replayed-samples", f"its samples are those of {_names(claims, others)}")
        return
    for name, partners in names.items():
        yield _numbers("replayed-samples", f"samples are those of {_names(claims, partners)}", name)


def _chance(samples: array[float], theirs: array[float], values: Sequence[float]) -> float:
    """Bits of chance that the recurring values exclude; 0 if too few of the samples recur.

    A value has as many chances to meet its like as the other has samples. Where samples hardly vary or have
    few digits, many meet, and it says nothing.

    Args:
        samples, theirs: the distinct ones of one metric on two instances.
        values: those that are among both.
    """
    if len(values) < REPLAYED_SHARE * min(len(samples), len(theirs)):
        return 0.0
    largest = max(map(abs, samples)) or 1.0
    scaled = [value / largest for value in samples]  # so that no square overflows
    middle = math.fsum(scaled) / len(scaled)
    spread = SHAPE_ON_ONE_PROCESSOR
    if len(scaled) > 1 and middle:
        variance = math.fsum((value - middle) ** 2 for value in scaled) / (len(scaled) - 1)
        spread = min(math.sqrt(variance) / abs(middle), SHAPE_ACROSS_PROCESSORS)
    return sum(_bits(spread, resolution(value) * len(theirs)) for value in values)


# Hashes and instances that occur twice.


def _same_raw(claims: Sequence[Trace], found: Found) -> None:
    """Raw output holds times and addresses: it cannot be the same twice."""
    for where in _twice(claims, lambda claim: claim.raw_sha256).values():
        for at in where:
            others = [other for other in where if _place(claims[other]) != _place(claims[at])]
            if others:
                reason = f"its raw output is that of {_names(claims, others)}"
                found[at].append(_numbers("identical-raw-output", reason))


def _same_instance(claims: Sequence[Trace], found: Found) -> None:
    """A replicate is another instance: one that counts twice makes a type look steadier than it is."""
    keyed = _twice(
        claims,
        lambda claim: f"{claim.instance_id} {claim.suite}" if claim.instance_id and claim.run else None,
    )
    for where in keyed.values():
        for at in where:
            others = [other for other in where if claims[other].name != claims[at].name]
            if others:
                reason = f"{claims[at].instance_id} counts for {_names(claims, others)} too"
                found[at].append(Finding("same-instance-twice", About.RECORD, reason))


def _twice(claims: Sequence[Trace], key: Callable[[Trace], str | None]) -> dict[str, list[int]]:
    where: dict[str, list[int]] = defaultdict(list)
    for at, claim in enumerate(claims):
        value = key(claim)
        if value:
            where[value].append(at)
    return {value: found for value, found in where.items() if len(found) > 1}
