"""What names of types, flags, images and records tell of a processor."""

from __future__ import annotations

import pytest

from benchtui.core.plausibility.naming import Cpu, Isa, Vendor, cpu_in_words, cpu_of_type


@pytest.mark.parametrize(
    ("name", "cpu"),
    [
        ("c7g.large", Cpu(Isa.ARM, Vendor.GRAVITON)),
        ("im4gn.xlarge", Cpu(Isa.ARM, Vendor.GRAVITON)),
        ("is4gen.medium", Cpu(Isa.ARM, Vendor.GRAVITON)),
        ("a1.large", Cpu(Isa.ARM, Vendor.GRAVITON)),
        ("t3a.large", Cpu(Isa.X86, Vendor.AMD)),
        ("hpc7a.96xlarge", Cpu(Isa.X86, Vendor.AMD)),
        ("m7i-flex.large", Cpu(Isa.X86, Vendor.INTEL)),
        ("i4i.xlarge", Cpu(Isa.X86, Vendor.INTEL)),
        ("z1d.large", Cpu(Isa.X86, Vendor.INTEL)),
        ("m5.metal", Cpu(Isa.X86, Vendor.INTEL)),
        ("g5.xlarge", Cpu()),  # its name tells the GPU
        ("m1.large", Cpu()),
        ("local.2cpu", Cpu()),
        ("nonsense", Cpu()),
    ],
)
def test_a_types_name_tells_its_processor_where_the_scheme_does(name: str, cpu: Cpu):
    assert cpu_of_type(name) == cpu


@pytest.mark.parametrize(
    ("text", "vendor", "isa"),
    [
        ("graviton", Vendor.GRAVITON, Isa.ARM),
        ("-O3 -mcpu=neoverse-v1", Vendor.GRAVITON, Isa.ARM),
        ("x86_64", None, Isa.X86),
        ("AuthenticAMD AMD EPYC 9R14 x86_64", Vendor.AMD, Isa.X86),
        ("coremark:amd-zen4", Vendor.AMD, Isa.X86),
        ("stream:intel-icelake", Vendor.INTEL, Isa.X86),
        ("debian-12-amd64", None, Isa.X86),
        ("arm64", None, Isa.ARM),
    ],
)
def test_a_processor_is_read_from_words(text: str, vendor: Vendor | None, isa: Isa):
    assert cpu_in_words(text) == Cpu(isa, vendor)


@pytest.mark.parametrize("text", [None, "", "-O3 -march=native", "stream:latest"])
def test_words_that_name_no_processor_tell_none(text: str | None):
    assert cpu_in_words(text) is None
