from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.catalogue import InstanceType
from benchtui.core.comparable import Basis, Candidate, comparable_set, comparable_sets


def candidate(
    name: str,
    vcpus: int,
    cores: int,
    gib: int = 4,
    usd: str | None = "0.1",
    *,
    maker: str | None = "Intel",
    current: bool | None = True,
) -> Candidate:
    arch: Any = "arm64" if maker == "AWS" else "x86_64"
    shape = InstanceType(name, arch, vcpus, cores, vcpus // cores, gib * 1024, maker, current)
    return Candidate(shape, None if usd is None else Decimal(usd))


C7I = candidate("c7i.xlarge", 4, 2, 8, "0.1785")
MARKET = (
    candidate("c7i.large", 2, 1, 4, "0.08925"),
    C7I,
    candidate("c7g.medium", 1, 1, 2, "0.0363", maker="AWS"),
    candidate("c7g.large", 2, 2, 4, "0.0725", maker="AWS"),
    candidate("c7g.xlarge", 4, 4, 8, "0.145", maker="AWS"),
    candidate("c7g.2xlarge", 8, 8, 16, "0.29", maker="AWS"),
    candidate("c7a.large", 2, 2, 4, "0.10264", maker="AMD"),
    candidate("c7a.xlarge", 4, 4, 8, "0.20528", maker="AMD"),
    candidate("c8i.xlarge", 4, 2, 8, "0.18742"),
    candidate("c8g.large", 2, 2, 4, None, maker="AWS"),
    candidate("c4.xlarge", 4, 2, 8, "0.199", current=False),
    candidate("c9i.24xlarge", 96, 48, 192, "5"),
    candidate("m7g.large", 2, 2, 8, "0.0816", maker="AWS"),
    candidate("c7gn.large", 2, 2, 4, "0.1", maker="AWS"),
    candidate("c7i.metal-24xl", 96, 48, 192, "8.1"),
    candidate("c7a.metal-48xl", 192, 192, 384, "9.9", maker="AMD"),
)


def names(basis: Basis, reference: Candidate = C7I, market: Any = MARKET) -> list[str]:
    return [match.candidate.type.name for match in comparable_set(basis, reference, market).matches]


def test_same_physical_cores_are_not_the_same_size() -> None:
    assert names(Basis.CORES) == ["c7a.large", "c7g.large", "c8g.large", "c8i.xlarge"]


def test_same_vcpus_are() -> None:
    assert names(Basis.VCPUS) == ["c7a.xlarge", "c7g.xlarge", "c8i.xlarge"]


def test_nearest_price_is_a_ratio_and_needs_prices() -> None:
    found = comparable_set(Basis.PRICE, C7I, MARKET)
    assert [match.candidate.type.name for match in found.matches] == [
        "c7a.xlarge",
        "c7g.xlarge",
        "c8i.xlarge",
    ]
    assert found.matches[1].price_ratio == Decimal("0.145") / Decimal("0.1785")
    assert found.families_without == ("c8g", "c9i")  # one price is not known, the other 28 times as high


def test_families_without_such_a_size_are_named() -> None:
    assert comparable_set(Basis.CORES, C7I, MARKET).families_without == ("c9i",)


def test_previous_generations_are_for_a_reference_of_one() -> None:
    assert "c4.xlarge" not in names(Basis.CORES)
    reference = candidate("c3.xlarge", 4, 2, 8, "0.21", current=False)
    assert names(Basis.CORES, reference)[0] == "c4.xlarge"


def test_whole_machines_are_compared_with_whole_machines() -> None:
    metal = next(each for each in MARKET if each.type.name == "c7i.metal-24xl")
    assert names(Basis.PRICE, metal) == ["c7a.metal-48xl"]


def test_what_is_suggested_has_one_type_of_each_maker() -> None:
    assert comparable_set(Basis.CORES, C7I, MARKET).suggested == ("c7i.xlarge", "c7a.large", "c7g.large")
    alone = candidate("z9.large", 2, 1)
    assert comparable_set(Basis.CORES, alone, (*MARKET, alone)).suggested == ("z9.large",)
    nameless = candidate("c7x.large", 4, 2, maker=None)
    assert comparable_set(Basis.CORES, C7I, (nameless,)).suggested == ("c7i.xlarge",)


def test_without_a_price_of_the_reference_there_is_no_nearest_one() -> None:
    for usd, said in ((None, "c7i.xlarge has no price to compare with"), ("0", "c7i.xlarge costs nothing")):
        found = comparable_set(Basis.PRICE, candidate("c7i.xlarge", 4, 2, 8, usd), MARKET)
        assert found.matches == ()
        assert found.problem is not None
        assert found.problem.startswith(said)


def test_of_sizes_that_match_alike_the_nearest_memory_is_taken() -> None:
    market = (candidate("c7a.big", 4, 2, 64, maker="AMD"), candidate("c7a.small", 4, 2, 16, maker="AMD"))
    assert names(Basis.CORES, market=market) == ["c7a.small"]


shapes = st.builds(
    lambda series, generation, letters, size, cores, threads, gib, usd, current: candidate(
        f"{series}{generation}{letters}.{size}", cores * threads, cores, gib, usd, current=current
    ),
    st.sampled_from("cm"),
    st.integers(3, 9),
    st.sampled_from(["", "g", "a", "i", "gd", "i-flex"]),
    st.sampled_from(["large", "xlarge", "metal"]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 2]),
    st.sampled_from([2, 4, 8]),
    st.sampled_from([None, "0", "0.05", "0.1", "0.4"]),
    st.sampled_from([True, False, None]),
)


@given(shapes, st.lists(shapes, max_size=30))
def test_a_set_holds_equal_what_it_says_and_one_of_each_family(
    reference: Candidate, market: list[Candidate]
) -> None:
    for found in comparable_sets(reference, market):
        families = [match.candidate.family.name for match in found.matches]
        assert len(families) == len(set(families))
        assert not set(families) & {reference.family.name, *found.families_without}
        for match in found.matches:
            shape, own = match.candidate.type, reference.type
            assert match.candidate in market
            assert match.candidate.family.is_like(reference.family)
            if found.basis is Basis.CORES:
                assert shape.cores == own.cores
            elif found.basis is Basis.VCPUS:
                assert shape.vcpus == own.vcpus
            else:
                assert match.price_ratio is not None
        assert found.suggested[0] == reference.type.name
        assert set(found.suggested[1:]) <= {match.candidate.type.name for match in found.matches}


@given(shapes, st.lists(shapes, max_size=12, unique_by=lambda each: each.type.name), st.randoms())
def test_the_order_in_which_types_are_listed_does_not_matter(
    reference: Candidate, market: list[Candidate], random: Any
) -> None:
    shuffled = list(market)
    random.shuffle(shuffled)
    assert comparable_sets(reference, market) == comparable_sets(reference, shuffled)


@given(shapes, shapes)
def test_what_matches_by_count_matches_back(one: Candidate, other: Candidate) -> None:
    for basis in (Basis.CORES, Basis.VCPUS):
        there = bool(comparable_set(basis, one, [other]).matches)
        back = bool(comparable_set(basis, other, [one]).matches)
        if one.type.current_generation == other.type.current_generation:
            assert there == back
