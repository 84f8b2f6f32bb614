"""What the name of an instance type says: ``c7gd.large`` is series c, generation 7, Graviton, with a disk.

The grammar is AWS's ("Amazon EC2 instance type naming conventions",
docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html). Nothing that can be asked of EC2 is
taken from a name: neither cores nor maker, only what relates families to each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FAMILY = re.compile(
    r"(?P<series>[a-z]+)(?P<generation>\d{1,2})(?P<letters>[a-z]*)(?P<options>(?:-[a-z0-9]+)*)"
)
#: The letter behind the generation tells the processor: AMD, Graviton, Intel (none before its sixth).
_PROCESSORS = "agi"
_METAL = "metal"


@dataclass(frozen=True, slots=True)
class Family:
    """A family of instance types, by its name.

    A name that is not of the grammar (``u-6tb1``) is a series of its own, of unknown generation.
    """

    name: str  # c7gd
    series: str  # c
    generation: int | None  # 7
    processor: str  # "g"; empty: the name does not say
    capabilities: str  # what it has beside the plain family, such as "d", "n", "-flex"

    def is_like(self, other: Family) -> bool:
        """Whether both differ in nothing but generation and processor."""
        return (self.series, self.capabilities) == (other.series, other.capabilities)


def family_of(instance_type: str) -> Family:
    """The family of a type's name."""
    name = instance_type.partition(".")[0]
    parts = _FAMILY.fullmatch(name)
    if parts is None:
        return Family(name, name, None, "", "")
    letters = parts["letters"]
    processor = letters[:1] if letters[:1] and letters[0] in _PROCESSORS else ""
    return Family(
        name,
        parts["series"],
        int(parts["generation"]),
        processor,
        letters[len(processor) :] + parts["options"],
    )


def is_metal(instance_type: str) -> bool:
    """Whether the type is a whole machine without a hypervisor: ``c7i.metal-24xl``."""
    return instance_type.partition(".")[2].startswith(_METAL)
