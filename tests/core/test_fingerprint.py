"""Where instances that are compared are not alike."""

from __future__ import annotations

from benchtui.core import quoting
from benchtui.core.compare import compare, compare_runs
from benchtui.core.fingerprint import Fingerprint
from tests.comparing import result

ALIKE = Fingerprint("6.1.0-18-cloud-amd64", "ami-1", "0xa", "gcc 12.2.0", "us-west-2", "Xeon", 3500.0)


def marked(name: str, number: int, triad: float = 46.0, arch: str = "x86_64", **changes):
    fields = {field: getattr(ALIKE, field) for field in ALIKE.__dataclass_fields__}
    return result(name, number, triad + number / 10, arch=arch, fingerprint=Fingerprint(**(fields | changes)))


def sentences(*rows):
    return [one.sentence for one in compare(rows).differences]


def test_alike_is_not_mentioned():
    assert (
        sentences(*(marked("c7i.large", n) for n in (1, 2, 3)), *(marked("c7a.large", n) for n in (1, 2, 3)))
        == []
    )


def test_what_is_not_known_differs_from_nothing():
    assert (
        sentences(marked("c7i.large", 1), marked("c7i.large", 2, kernel=None), result("c7i.large", 3)) == []
    )


def test_within_a_type_instances_are_counted():
    rows = [marked("c7i.large", n) for n in (1, 2)] + [marked("c7i.large", 3, kernel="6.1.0-20-cloud-amd64")]
    assert sentences(*rows) == [
        "c7i.large: instances differ in kernel: 6.1.0-18-cloud (2), 6.1.0-20-cloud (1)"
    ]


def test_between_types_a_compiler_that_differs_is_named():
    rows = [marked("c7i.large", 1), marked("c7a.large", 1, compiler="gcc 13.1.0")]
    assert sentences(*rows) == [
        "c7i.large and c7a.large differ in compiler of stream: gcc 12.2.0 (1), gcc 13.1.0 (1)"
    ]


def test_what_has_to_differ_between_architectures_and_cpus_is_no_difference():
    graviton = {"kernel": "6.1.0-18-cloud-arm64", "image": "ami-2", "microcode": None, "cpu": "Neoverse"}
    assert sentences(marked("c7i.large", 1), marked("c7g.large", 1, arch="arm64", **graviton)) == []
    assert sentences(marked("c7i.large", 1), marked("c7a.large", 1, microcode="0xb", cpu="EPYC")) == []


def test_another_image_of_the_same_architecture_and_region_is():
    assert sentences(marked("c7i.large", 1), marked("c7a.large", 1, image="ami-9")) == [
        "c7i.large and c7a.large differ in image: ami-1 (1), ami-9 (1)"
    ]


def test_clocks_of_one_type_that_lie_apart_are_told():
    rows = [
        marked("c7i.large", 1),
        marked("c7i.large", 2, clock_mhz=3100.0),
        marked("c7a.large", 1, clock_mhz=3700.0),
    ]
    assert sentences(*rows) == ["c7i.large: instances differ in clock: 3100 to 3500 MHz (2)"]


def test_a_type_is_held_against_its_earlier_self():
    new = [marked("c7i.large", n) for n in (1, 2, 3)]
    old = [marked("c7i.large", n, kernel="6.1.0-9-cloud-amd64") for n in (1, 2, 3)]
    comparison = compare_runs(new, old)
    (one,) = comparison.differences
    assert one.sentence == (
        "c7i.large and c7i.large before differ in kernel: 6.1.0-18-cloud (3), 6.1.0-9-cloud (3)"
    )
    assert one.sentence in quoting.remarks(comparison, 0)
