"""Sizes that both programs must have in common where caches are large: their names, arrays beyond 2 GiB."""

from __future__ import annotations

from typing import cast

import pytest
from bench import stream_reference
from bench.quiet import Unmeasured
from bench.references.likwid import Likwid
from bench.references.lmbench import size_name

ARRAY_BYTES = 1_258_291_200  # four times a third level of 300 MiB


@pytest.mark.parametrize(
    ("size", "name"),
    [(16 << 10, "16 KiB"), (1536 << 10, "1536 KiB"), (512 << 20, "512 MiB"), (1 << 30, "1 GiB")],
)
def test_a_size_is_named_as_the_suite_names_it(size: int, name: str) -> None:
    assert size_name(size) == name


class OneSecond:
    """Stands for likwid-bench: reads what it is asked to work on, and says how much that was."""

    def __init__(self, share: float) -> None:
        self.share = share

    def run(self, kernel: str, work: str, iterations: int) -> tuple[str, float]:
        kilobytes = int(work.removeprefix("S0:").partition("kB:1")[0])
        assert kilobytes < 2**31, "likwid-bench reads no larger number"
        return f"Data volume (Byte):\t{int(self.share * iterations * kilobytes * 1000)}\n", 1.0


def rate(share: float) -> float:
    return stream_reference.likwid_triad(cast(Likwid, OneSecond(share)), "stream_sse", ARRAY_BYTES)


def test_likwid_is_asked_for_arrays_beyond_two_gigabytes() -> None:
    assert rate(1.0) == pytest.approx(stream_reference.PASSES * 3 * ARRAY_BYTES / 1e9, rel=1e-6)


@pytest.mark.parametrize("share", [0.5, 0.999, 1.001])
def test_other_arrays_than_ours_are_no_reference(share: float) -> None:
    with pytest.raises(Unmeasured, match="not our arrays"):
        rate(share)
