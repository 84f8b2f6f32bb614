"""Types that are fair to compare: by physical cores, by vCPUs, or by price.

c7i.large is one core with two threads, c7g.large and c7a.large are two cores: whoever compares "large" with
"large" compares one core with two. So a comparison names what it holds equal, and these are the three things
that can be: as many cores (what an architecture's core can do), as many vCPUs (what AWS counts and quotas
limit), about the same price (what a dollar buys).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from benchtui.core.catalogue import InstanceType
from benchtui.core.families import Family, family_of, is_metal

#: Prices further apart than this factor are not near each other.
NEAR = 2


class Basis(StrEnum):
    """What the types of a set have in common."""

    CORES = "core"
    VCPUS = "vcpu"
    PRICE = "price"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A type that is for sale."""

    type: InstanceType
    usd_per_hour: Decimal | None = None  # on demand; None: not known

    @property
    def family(self) -> Family:
        """Its family."""
        return family_of(self.type.name)


@dataclass(frozen=True, slots=True)
class Match:
    """A type of a set."""

    candidate: Candidate
    price_ratio: Decimal | None  # its price by that of the reference; None: one of them is not known


@dataclass(frozen=True, slots=True)
class ComparableSet:
    """The types that are like a reference on one basis, one of each family."""

    basis: Basis
    reference: Candidate
    matches: tuple[Match, ...]  # those of the reference's generation first, then the nearest
    families_without: tuple[str, ...]  # like the reference's, without a size that matches
    problem: str | None = None  # why there is no set

    @property
    def suggested(self) -> tuple[str, ...]:
        """Types for a plan: the reference, and of each other maker the match of the nearest generation."""
        makers = {self.reference.type.manufacturer}
        names = [self.reference.type.name]
        for match in self.matches:
            maker = match.candidate.type.manufacturer
            if maker is not None and maker not in makers:
                makers.add(maker)
                names.append(match.candidate.type.name)
        return tuple(names)


def comparable_set(basis: Basis, reference: Candidate, candidates: Iterable[Candidate]) -> ComparableSet:
    """The types that are like ``reference``: of families that differ in generation and processor alone.

    Sizes of its own family are no match, nor are previous generations, unless it is of one, nor whole
    machines, unless it is one. Of several sizes of a family that match, the one with the nearest memory.

    Args:
        basis: what is equal; prices hardly ever are, so of each family the nearest, within a factor of two.
        reference: what the others are compared with.
        candidates: what is for sale; the reference may be among them.
    """
    kin: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if _is_kin(candidate, reference):
            kin.setdefault(candidate.family.name, []).append(candidate)
    if basis is Basis.PRICE and not reference.usd_per_hour:
        what = "has no price" if reference.usd_per_hour is None else "costs nothing"
        return ComparableSet(basis, reference, (), (), f"{reference.type.name} {what} to compare with")
    found: list[Match] = []
    without: list[str] = []
    for family, sizes in kin.items():
        best = _best(basis, reference, sizes)
        if best is None:
            without.append(family)
        else:
            found.append(Match(best, _ratio(best, reference)))
    found.sort(key=lambda match: _distance(match.candidate, reference))
    return ComparableSet(basis, reference, tuple(found), tuple(sorted(without)))


def comparable_sets(
    reference: Candidate, candidates: Sequence[Candidate], bases: Iterable[Basis] = tuple(Basis)
) -> tuple[ComparableSet, ...]:
    """A set for each basis."""
    return tuple(comparable_set(basis, reference, candidates) for basis in bases)


def _is_kin(candidate: Candidate, reference: Candidate) -> bool:
    family, own = candidate.family, reference.family
    if family.name == own.name or not family.is_like(own):
        return False
    if candidate.type.current_generation is False and reference.type.current_generation is not False:
        return False
    return is_metal(candidate.type.name) == is_metal(reference.type.name)


def _best(basis: Basis, reference: Candidate, sizes: Iterable[Candidate]) -> Candidate | None:
    """The size of a family that matches."""
    if basis is Basis.PRICE:
        near = [size for size in sizes if size.usd_per_hour and _price_distance(size, reference) <= NEAR]
        return min(near, key=lambda size: (_price_distance(size, reference), size.type.name), default=None)
    if basis is Basis.CORES:
        equal = [size for size in sizes if size.type.cores == reference.type.cores]
    else:
        equal = [size for size in sizes if size.type.vcpus == reference.type.vcpus]
    memory = reference.type.memory_mib
    return min(equal, key=lambda size: (abs(size.type.memory_mib - memory), size.type.name), default=None)


def _price_distance(size: Candidate, reference: Candidate) -> Decimal:
    """How many times one is dearer than the other, at least 1; both have a price above zero."""
    assert size.usd_per_hour and reference.usd_per_hour
    ratio = size.usd_per_hour / reference.usd_per_hour
    return max(ratio, 1 / ratio)


def _ratio(candidate: Candidate, reference: Candidate) -> Decimal | None:
    if candidate.usd_per_hour is None or not reference.usd_per_hour:
        return None
    return candidate.usd_per_hour / reference.usd_per_hour


def _distance(candidate: Candidate, reference: Candidate) -> tuple[object, ...]:
    """Generations apart, the newer one of two first; what has no number comes last."""
    generation, own = candidate.family.generation, reference.family.generation
    if generation is None or own is None:
        return (True, 0, 0, candidate.type.name)
    return (False, abs(generation - own), -generation, candidate.type.name)
