"""Every rule with a claim that breaks it and one, as near as can be, that does not."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.plausibility import RULES, About, Plausibility, judge
from benchtui.core.plausibility.claim import Claim, Level, Observation, Quantity, level_of, resolution
from benchtui.core.plausibility.naming import Cpu, Isa, Vendor

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
RAW = hashlib.sha256(b"raw output").hexdigest()
NOTHING = hashlib.sha256(b"").hexdigest()


def sampled(
    name: str, *values: float, unit: str = "GB/s", seconds: float | None = None, **more: Any
) -> Quantity:
    return Quantity(
        name,
        unit,
        sorted(values)[len(values) // 2],
        tuple(Observation(one, seconds) for one in values),
        **more,
    )


def stated(name: str, value: float, unit: str = "GB/s", **more: Any) -> Quantity:
    return Quantity(name, unit, value, **({"dispersion": value / 100} | more))


TRIAD = sampled("triad.all", 45.912345, 46.123456, 47.012345, seconds=0.02, threads=2)


def claim(*quantities: Quantity, name: str = "c7g.large-1", suite: str = "stream", **changes: Any) -> Claim:
    """A claim nothing is wrong with."""
    fields: dict[str, Any] = {
        "instance_id": f"i-{name}",
        "run": "20261124-140000-k3f7",
        "started": AT + timedelta(minutes=2),
        "finished": AT + timedelta(minutes=3),
        "not_before": AT,
        "not_before_why": "its run was planned at",
        "not_after": AT + timedelta(hours=1),
        "checksums": {"raw_sha256": hashlib.sha256(name.encode()).hexdigest()},
        "threads": 2,
    }
    return Claim(name, "c7g.large", suite, quantities or (TRIAD,), **(fields | changes))


def latencies(l1: float, l2: float, l3: float, dram: float) -> Claim:
    levels = zip(Level, (l1, l2, l3, dram), strict=True)
    return claim(
        *(
            stated(f"latency.{level.name.lower()}", ns, "ns", level=level, latency=True)
            for level, ns in levels
        ),
        suite="cache",
    )


def reads(l1: float, l2: float, l3: float, dram: float) -> Claim:
    levels = zip(Level, (l1, l2, l3, dram), strict=True)
    return claim(
        *(stated(f"read.{level.name.lower()}", gb, level=level) for level, gb in levels), suite="cache"
    )


def worked(value: float, seconds: float | None, work: float, unit: str = "GB/s", **changes: Any) -> Claim:
    return claim(Quantity("triad.all", unit, value, (Observation(value, seconds, work),)), **changes)


def hpl(gflops: float, peak: float = 117.4) -> tuple[Claim, Claim]:
    of_it = sampled("hpl.all", gflops, gflops * 1.01, gflops * 0.99, unit="GFLOP/s", threads=2)
    fma = sampled("peak.fp64.all", peak, peak * 1.001, peak * 0.999, unit="GFLOP/s", threads=2)
    instance = {"instance_id": "i-1"}
    return claim(of_it, suite="hpl", **instance), claim(
        fma, suite="mixed_precision", name="its peak", **instance
    )


def vector(name: str, instance_type: str, *values: float, **changes: Any) -> Claim:
    kernels = ("copy", "scale", "add", "triad")
    quantities = (stated(kernel, value) for kernel, value in zip(kernels, values, strict=True))
    return replace(claim(*quantities, name=name, **changes), instance_type=instance_type)


def other(**changes: Any) -> Claim:
    """Another instance of the type, with numbers of its own."""
    own = sampled("triad.all", 45.855511, 46.201177, 46.993388, seconds=0.02, threads=2)
    return claim(own, name="c7g.large-2", **changes)


@dataclass(frozen=True)
class Example:
    rule: str
    breaks: Callable[[], Claim | tuple[Claim, ...]]
    keeps: Callable[[], Claim | tuple[Claim, ...]]
    about: About = About.NUMBERS


TYPE = Cpu(Isa.X86, Vendor.INTEL)
RECORD = About.RECORD
EXAMPLES = (
    Example("not-finite", lambda: claim(stated("triad", float("nan"))), lambda: claim(stated("triad", 46.1))),
    Example(
        "not-positive", lambda: claim(stated("triad", -1.0)), lambda: claim(stated("residual", -1.0, "1"))
    ),
    Example("dram-latency-below-40ns", lambda: latencies(1, 4, 12, 39.9), lambda: latencies(1, 4, 12, 40.1)),
    Example("flat-hierarchy", lambda: latencies(9, 9.1, 9.1, 44), lambda: latencies(8, 9, 12, 44)),
    Example("latency-falls-with-level", lambda: latencies(1, 14, 4, 90), lambda: latencies(1, 14, 12, 90)),
    Example("bandwidth-rises-with-level", lambda: reads(90, 200, 60, 20), lambda: reads(190, 200, 60, 20)),
    # Graviton3: 307 GB/s for all of the socket, of which two threads cannot keep more than 410 under way.
    Example(
        "above-memory-bandwidth", lambda: claim(stated("triad", 415.0)), lambda: claim(stated("triad", 300.0))
    ),
    Example(
        "above-arithmetic-peak",
        lambda: claim(stated("peak.fp16", 1.6e6, "GFLOP/s"), suite="mixed_precision"),
        lambda: claim(stated("peak.fp16", 400.0, "GFLOP/s"), suite="mixed_precision"),
    ),
    Example("above-measured-peak", lambda: hpl(130.0), lambda: hpl(94.3)),
    Example(
        "too-short-for-boot-and-run",
        lambda: claim(includes_boot=True, finished=AT + timedelta(seconds=168)),
        lambda: claim(includes_boot=True, finished=AT + timedelta(seconds=339)),
    ),
    Example("ends-before-it-starts", lambda: claim(finished=AT), claim),
    Example("duration-contradiction", lambda: claim(seconds=9.0), lambda: claim(seconds=60.4), RECORD),
    Example(
        "samples-longer-than-suite",
        lambda: claim(sampled("triad.all", 45.912345, 46.123456, 47.012345, seconds=21.0)),
        lambda: claim(sampled("triad.all", 45.912345, 46.123456, 47.012345, seconds=19.0)),
    ),
    Example("zero-time", lambda: worked(46.1, 0.0, 1e9), lambda: worked(46.1, 1e9 / 46.1e9, 1e9)),
    Example(
        "time-below-timer-resolution",
        lambda: worked(46.1, 1e5 / 46.1e9, 1e5, tick_seconds=25e-9),
        lambda: worked(46.1, 1e6 / 46.1e9, 1e6, tick_seconds=25e-9),
    ),
    Example("rate-contradiction", lambda: worked(46.1, 2.0, 46.1e9), lambda: worked(46.1, 1.0, 46.1e9)),
    Example(
        "rate-contradiction",  # and against the duration of all, where its own time is not stated
        lambda: worked(36.4, None, 1e7, "operations/sec"),
        lambda: worked(36.4, None, 1e3, "operations/sec"),
    ),
    Example(
        "summary-contradiction",
        lambda: claim(replace(TRIAD, value=60.0)),
        lambda: claim(replace(TRIAD, value=45.95)),
    ),
    Example(
        "runs-contradiction", lambda: claim(iterations=4, runs=1), lambda: claim(iterations=4, runs=4), RECORD
    ),
    Example(
        "confidence-from-one-run",
        lambda: claim(confidence=1, runs=1),
        lambda: claim(confidence=0.95, runs=4),
        RECORD,
    ),
    Example(
        "deviation-missing",
        lambda: claim(stated("triad", 46.1, dispersion=None)),
        lambda: claim(stated("objects", 96, "count", dispersion=None)),
        RECORD,
    ),
    Example(
        "deviation-zero",
        lambda: claim(sampled("triad.all", 46.123456, 46.123456, 46.123456)),
        # Three wall times to the hundredth can be the same.
        lambda: claim(sampled("wall.all", 19.31, 19.31, 19.31, unit="s"), suite="compilation"),
    ),
    Example(
        "deviation-zero",
        lambda: claim(stated("score", 25.75, "operations/sec", dispersion=0.0)),
        lambda: claim(stated("score", 25.75, "operations/sec", dispersion=0.004)),
        RECORD,
    ),
    Example(
        "suite-mismatch",
        lambda: claim(suites_held=frozenset({"stream"}), suite="hpl"),
        lambda: claim(suites_held=frozenset({"stream"})),
    ),
    Example("system-contradiction", lambda: claim(contradictions=("cpu_model is …",)), claim, RECORD),
    Example(
        "identical-vector",
        lambda: (
            vector("a", "c7g.large", 45.2, 44.8, 42.1, 41.9),
            vector("b", "m7i.large", 45.2, 44.8, 42.1, 41.9),
        ),
        lambda: (
            vector("a", "c7g.large", 45.2, 44.8, 42.1, 41.9),
            vector("b", "m7i.large", 45.2, 44.8, 42.1, 41.8),
        ),
    ),
    Example(
        "constant-multiple-vector",
        lambda: (
            vector("a", "c7g.large", 45.2, 44.8, 42.1, 41.9),
            vector("b", "m7i.large", *(one * 0.95 for one in (45.2, 44.8, 42.1, 41.9))),
        ),
        lambda: (
            vector("a", "c7g.large", 45.2, 44.8, 42.1, 41.9),
            vector("b", "m7i.large", *(one * 0.95 for one in (45.2, 44.8, 42.1, 43.0))),
        ),
    ),
    Example("replayed-samples", lambda: (claim(), claim(name="c7g.large-2")), lambda: (claim(), other())),
    Example(
        "identical-raw-output",
        lambda: (claim(checksums={"raw_sha256": RAW}), other(checksums={"raw_sha256": RAW})),
        lambda: (claim(checksums={"raw_sha256": RAW}), other()),
    ),
    Example(
        "same-instance-twice",
        lambda: (claim(instance_id="i-1"), other(instance_id="i-1")),
        lambda: (claim(instance_id="i-1"), other(instance_id="i-2")),
        RECORD,
    ),
    Example(
        "checksum-missing", lambda: claim(checksums={}), lambda: claim(checksums={"sha256": RAW}), RECORD
    ),
    Example("checksum-of-nothing", lambda: claim(checksums={"sha256": NOTHING}), claim, RECORD),
    Example("checksum-is-none", lambda: claim(checksums={"sha256": "0" * 64}), claim, RECORD),
    Example(
        "raw-output-mismatch",
        lambda: claim(checksums={"raw_sha256": RAW}, raw_found=NOTHING),
        lambda: claim(checksums={"raw_sha256": RAW}, raw_found=RAW),
        RECORD,
    ),
    Example(
        "architecture-mislabel",
        lambda: claim(cpu_claimed=TYPE),
        lambda: claim(cpu_claimed=Cpu(Isa.ARM)),
        RECORD,
    ),
    Example(
        "flags-mislabel",
        lambda: claim(flags="-O3 -mavx2"),
        lambda: claim(flags="-O3 -march=native -mcpu=neoverse-n1"),
        RECORD,
    ),
    Example(
        "image-mislabel",
        lambda: claim(image="stream:amd-zen4"),
        lambda: claim(image="stream:graviton3"),
        RECORD,
    ),
    Example(
        "predates-repository",
        lambda: claim(run=None, not_before=AT + timedelta(hours=1)),
        lambda: claim(run=None, not_before=AT - timedelta(hours=1)),
    ),
    Example("predates-run", lambda: claim(not_before=AT + timedelta(hours=1)), claim),
    Example("dated-after-it-was-read", lambda: claim(not_after=AT - timedelta(hours=1)), claim),
)


def judged(made: Claim | tuple[Claim, ...]) -> list[Any]:
    return list(judge(made if isinstance(made, tuple) else (made,)))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.rule)
def test_a_rule_says_what_breaks_it_and_lets_its_neighbour_pass(example: Example):
    for one in [one for one in judged(example.breaks()) if one.name != "its peak"]:
        found = [finding for finding in one.findings if finding.rule == example.rule]
        assert found, one
        assert {finding.about for finding in found} == {example.about}
        assert all(finding.reason for finding in found)
        assert not one.ranked
        assert (one.numbers is Plausibility.IMPLAUSIBLE) >= (example.about is About.NUMBERS)
    for one in judged(example.keeps()):
        assert example.rule not in one.rules, one
        assert one.refusal() is None, one


def test_every_rule_has_an_example():
    assert {example.rule for example in EXAMPLES} == set(RULES)


def test_a_record_without_any_time_is_unknown_and_not_ranked():
    (one,) = judge([claim(stated("triad", 46.1), started=None, finished=None)])
    assert (one.numbers, one.ranked, one.findings) == (Plausibility.UNKNOWN, False, ())
    assert "nothing says how long" in one.refusal()


def test_what_cannot_be_tested_alone_is_said():
    (one,) = judge([claim()])
    lacking = {untested.rule: untested.lacks for untested in one.untested}
    assert "other instances" in lacking["identical-vector"]
    assert lacking["raw-output-mismatch"] == "needs the raw output"
    of_hpl = judge([hpl(94.3)[0]])[0]
    assert "mixed_precision" in {one.rule: one.lacks for one in of_hpl.untested}["above-measured-peak"]


def test_one_implausible_metric_leaves_the_others_of_its_result_alone():
    slow = sampled("triad.one", 30.1234567, 30.2345678, 30.3456789)
    (one,) = judge([claim(replace(TRIAD, value=60.0), slow)])
    assert one.of("triad.all") is Plausibility.IMPLAUSIBLE
    assert one.of("triad.one") is Plausibility.PLAUSIBLE
    assert one.refusal("triad.one") is None
    assert one.refusal("triad.all").startswith(
        "implausible: summary-contradiction: triad.all is said to be 60"
    )


def test_numbers_come_before_the_record_in_a_refusal():
    (one,) = judge([claim(replace(TRIAD, value=60.0), checksums={})])
    assert one.refusal().startswith("implausible: summary-contradiction")
    assert one.refusal().endswith("(and 1 more)")
    assert one.told[-1].startswith("checksum-missing")


def test_counts_and_sizes_may_be_equal_on_every_instance():
    fixed = tuple(
        sampled(name, 96.0, 96.0, 96.0, unit=unit) for name, unit in (("objects", "count"), ("size", "B"))
    )
    both = judge([claim(*fixed, TRIAD), replace(other(), quantities=(*fixed, *other().quantities))])
    assert [one.findings for one in both] == [(), ()]


def test_a_replay_of_one_metric_among_several_is_named():
    one_thread = sampled("triad.one", 30.1234567, 30.2345678, 30.3456789)
    of_the_other = sampled("triad.one", 30.1834567, 30.2145678, 30.3956789)
    first = claim(TRIAD, one_thread)
    second = replace(other(), quantities=(TRIAD, of_the_other))
    for one in judge([first, second]):
        assert [(finding.rule, finding.metric) for finding in one.findings] == [
            ("replayed-samples", "triad.all")
        ]


def test_replicates_of_a_steady_machine_are_no_copies():
    """Peaks in registers agree to a part in ten thousand, on all formats at once, and are still measured."""
    formats = {"fp64": 58.712, "fp32": 117.4311, "bf16": 234.9027}
    drawn = random.Random(5)
    claims = []
    for one in range(1, 30):
        host = drawn.gauss(1, 1e-4)
        peaks = (
            sampled(name, *(value * host * drawn.gauss(1, 1e-5) for _ in range(5)), unit="GFLOP/s")
            for name, value in formats.items()
        )
        claims.append(claim(*peaks, name=f"c7g.large-{one}", suite="mixed_precision"))
    assert [one.findings for one in judge(claims) if not one.ranked] == []


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_a_number_is_written_no_coarser_than_its_resolution(value: float):
    assert 0 < resolution(value) <= max(1.0, 1 / value)
    assert resolution(round(value, 1) or 1.0) >= resolution(value) * 0.999 or value < 1


def test_levels_are_read_from_names():
    assert [
        level_of(name) for name in ("latency.l1.4k.ns", "read.dram.one", "cache.memory", "triad.all")
    ] == [
        Level.L1,
        Level.DRAM,
        Level.DRAM,
        None,
    ]
