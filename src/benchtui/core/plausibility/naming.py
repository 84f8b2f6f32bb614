"""What the name of an EC2 instance type tells of its processor.

Amazon documents the scheme: series, generation, options, then the size. Of the options ``a`` is an AMD
processor, ``g`` an AWS Graviton and ``i`` an Intel one; types of the first six generations without any of
them have Intel processors ("Amazon EC2 instance type naming conventions" in the Amazon EC2 Instance Types
guide). Where the scheme does not tell, nothing is claimed: accelerated types are named after their
accelerator, and the first generation came with whatever was there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Vendor(StrEnum):
    """Who made a processor."""

    INTEL = "Intel"
    AMD = "AMD"
    GRAVITON = "Graviton"


class Isa(StrEnum):
    """Which instructions it executes."""

    X86 = "x86-64"
    ARM = "arm64"


@dataclass(frozen=True, slots=True)
class Cpu:
    """As much as is known of a processor."""

    isa: Isa | None = None
    vendor: Vendor | None = None

    def contradicts(self, other: Cpu) -> bool:
        """Whether both cannot be the same processor."""
        return any(
            mine is not None and theirs is not None and mine is not theirs
            for mine, theirs in ((self.isa, other.isa), (self.vendor, other.vendor))
        )

    def __str__(self) -> str:
        return " ".join(part for part in (self.vendor, self.isa) if part) or "unknown"


@dataclass(frozen=True, slots=True)
class TypeName:
    """``c7gn.2xlarge``: series c, generation 7, options gn, size 2xlarge."""

    series: str
    generation: int
    options: str
    size: str

    @property
    def vcpus(self) -> int | None:
        """Virtual CPUs of the usual sizes; None where the size does not tell."""
        match = re.fullmatch(r"(\d*)xlarge", self.size)
        if match:
            return 4 * int(match[1] or 1)
        return {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2}.get(self.size)


_NAME = re.compile(r"([a-z]+)(\d+)([a-z]*)(?:-[a-z0-9]+)?\.([a-z0-9-]+)")
#: Named after what they carry besides the processor: without a letter for it, nothing is known of that.
_ACCELERATED = frozenset({"p", "g", "gr", "inf", "trn", "dl", "f", "vt", "mac"})


@lru_cache(maxsize=4096)
def type_name(instance_type: str) -> TypeName | None:
    """The parts of an EC2 type's name; None: it is not of the scheme."""
    match = _NAME.fullmatch(instance_type)
    return TypeName(match[1], int(match[2]), match[3], match[4]) if match else None


@lru_cache(maxsize=4096)
def cpu_of_type(instance_type: str) -> Cpu:
    """What the name of an EC2 type tells of its processor; an empty one where it tells nothing."""
    name = type_name(instance_type)
    if name is None or name.series in ("local", "mac"):
        return Cpu()
    if name.series == "a":  # a1, the first Graviton, is older than the letter for it
        return Cpu(Isa.ARM, Vendor.GRAVITON)
    for letter, cpu in (
        ("g", Cpu(Isa.ARM, Vendor.GRAVITON)),
        ("a", Cpu(Isa.X86, Vendor.AMD)),
        ("i", Cpu(Isa.X86, Vendor.INTEL)),
    ):
        if name.options.startswith(letter) or (letter == "g" and name.options == "gen"):
            return cpu
    if name.series in _ACCELERATED or (name.generation == 1 and name.series in ("m", "c", "t", "cc")):
        return Cpu()
    if name.generation <= 6 or name.series == "u":
        return Cpu(Isa.X86, Vendor.INTEL)
    return Cpu()


#: Words of flags, images and records, and what they tell. The first that fits counts.
_WORDS: tuple[tuple[str, Cpu], ...] = (
    (r"graviton|neoverse", Cpu(Isa.ARM, Vendor.GRAVITON)),
    (r"aarch64|arm64|armv[89]|\bsve2?\b", Cpu(Isa.ARM)),
    (r"\bamd\b|authenticamd|epyc|\bzen\d?\b|znver\d|-zen\d", Cpu(Isa.X86, Vendor.AMD)),
    (
        r"\bintel\b|genuineintel|xeon|skylake|icelake|cascadelake|sapphirerapids|emeraldrapids|graniterapids",
        Cpu(Isa.X86, Vendor.INTEL),
    ),
    (r"x86[-_]64|\bamd64\b|\bi[36]86\b", Cpu(Isa.X86)),
    (r"-m(avx|sse|prefer-avx|fma|prefer-vector-width)", Cpu(Isa.X86)),
)


def cpu_in_words(text: str | None) -> Cpu | None:
    """The processor a text speaks of; None: it names none."""
    if not text:
        return None
    lower = text.lower()
    return next((cpu for pattern, cpu in _WORDS if re.search(pattern, lower)), None)
