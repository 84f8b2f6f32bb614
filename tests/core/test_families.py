import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.families import Family, family_of, is_metal


@pytest.mark.parametrize(
    ("name", "series", "generation", "processor", "capabilities"),
    [
        ("c7g.large", "c", 7, "g", ""),
        ("c7gd.large", "c", 7, "g", "d"),
        ("c7i.large", "c", 7, "i", ""),
        ("c7i-flex.large", "c", 7, "i", "-flex"),
        ("c5.large", "c", 5, "", ""),
        ("c5n.18xlarge", "c", 5, "", "n"),
        ("c5ad.large", "c", 5, "a", "d"),
        ("m8azn.large", "m", 8, "a", "zn"),
        ("x2iedn.xlarge", "x", 2, "i", "edn"),
        ("im4gn.large", "im", 4, "g", "n"),
        ("is4gen.large", "is", 4, "g", "en"),
        ("hpc7a.96xlarge", "hpc", 7, "a", ""),
        ("p4de.24xlarge", "p", 4, "", "de"),
        ("u7i-12tb.224xlarge", "u", 7, "i", "-12tb"),
        ("t4g.nano", "t", 4, "g", ""),
        ("u-6tb1.metal", "u-6tb1", None, "", ""),
        ("local.1cpu", "local", None, "", ""),
        ("", "", None, "", ""),
    ],
)
def test_names_are_read_by_aws_grammar(
    name: str, series: str, generation: int | None, processor: str, capabilities: str
) -> None:
    expected = Family(name.partition(".")[0], series, generation, processor, capabilities)
    assert family_of(name) == expected


def test_families_are_alike_that_differ_in_generation_and_processor_alone() -> None:
    own = family_of("c7i.large")
    like = [
        name
        for name in ("c7g", "c7a", "c8i", "c5", "c6id", "m7i", "c7i-flex")
        if own.is_like(family_of(name))
    ]
    assert like == ["c7g", "c7a", "c8i", "c5"]


def test_whole_machines_are_told_by_their_size() -> None:
    sizes = ("c7i.metal-24xl", "u-6tb1.metal", "metal.large", "c7i.24xlarge")
    assert [is_metal(size) for size in sizes] == [True, True, False, False]


@given(st.text(max_size=40))
def test_no_name_breaks_it_and_the_parts_make_the_name(name: str) -> None:
    family = family_of(name)
    if family.generation is not None:
        digits = family.name[len(family.series) :].removesuffix(family.processor + family.capabilities)
        assert int(digits) == family.generation
    else:
        assert family.series == family.name
