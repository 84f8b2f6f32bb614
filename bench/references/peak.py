"""Multiply-adds in registers on one thread: ours beside theory, and beside likwid-bench's peakflops
kernels.

Theory is a whole number of instructions per cycle x lanes x 2. The whole number is what the first run's
slices of 10 us round to, for the vector width that does most; it is stated and kept. Beside theory stands
what each run's slices show, at the clock that a chain of dependent additions shows between them: a core may
lower its clock for wide vectors, and a clock measured after a batch of milliseconds is then not the batch's.
What batches of 5 ms sustain is beside likwid.

likwid-bench says nothing of theory, so an error of ours in counting would show there: its figure is a mean
over all its time, and so is ours there, over about as much time. Its kernel has the width of our fastest
one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.quiet import Unmeasured, on
from bench.references.likwid import Likwid, field
from bench.references.pairs import Comparison, Row
from bench.references.suites import built, facts, records, samples

BATCHES = 8
TURNS = 4
WITHIN = 0.03
#: Name of our metric's format, bits of a number, likwid's name by bits of a vector.
FORMATS = (
    ("fp64", 64, {128: "peakflops_sse_fma", 256: "peakflops_avx_fma", 512: "peakflops_avx512_fma"}),
    ("fp32", 32, {128: "peakflops_sp_sse_fma", 256: "peakflops_sp_avx_fma", 512: "peakflops_sp_avx512_fma"}),
)
LIKWID_BYTES = 16_000  # in the first-level cache; the kernel loads one number per 15 multiply-adds
LIKWID_FLOPS = 100_000  # of one iteration, about: only the length of its run depends on it


@dataclass(frozen=True, slots=True)
class Ours:
    """One format in one run of the suite."""

    flop_per_cycle: float
    theory: float
    says: str
    gflops: float
    width_bits: int
    flops: float


def comparisons() -> Iterator[Comparison]:
    """Theory, and likwid-bench where it has a kernel."""
    folder, cpu = built("mixed_precision"), min(os.sched_getaffinity(0))
    first = ours(folder, cpu)
    yield Comparison(
        rows=tuple(
            Row(f"{name.upper()} peak", one.says, "flop/cycle", least=1 - WITHIN, greatest=1 + WITHIN)
            for (name, _, _), one in zip(FORMATS, first, strict=True)
        ),
        conditions=f"CPU {cpu}, slices of 10 us, at the clock measured between them",
        ours=lambda: [one.flop_per_cycle for one in ours(folder, cpu)],
        theirs=lambda: [one.theory for one in first],
    )
    likwid = Likwid.here()
    for at, (name, _, kernels) in enumerate(FORMATS):
        kernel = kernels.get(first[at].width_bits, "")
        if not likwid.runs(kernel):
            continue
        yield Comparison(
            rows=(
                Row(f"{name.upper()} peak, likwid", f"likwid-bench {kernel}", "GFLOP/s", least=1 - WITHIN),
            ),
            conditions=f"CPU {likwid.cpu}, {first[at].width_bits} bits, means over as many operations;"
            f" {likwid.version}, counter at {likwid.counter_hz / 1e6:.2f} MHz",
            ours=lambda at=at: [ours(folder, likwid.cpu)[at].gflops],  # type: ignore[misc]
            theirs=lambda at=at, kernel=kernel: [  # type: ignore[misc]
                peakflops(likwid, kernel, first[at].flops)
            ],
            turns=TURNS,
        )


def ours(folder: Path, cpu: int) -> list[Ours]:
    """One run of the peaks alone."""
    options = ["--threads", "one", "--batches", str(BATCHES)]
    found = records(folder, "./mixed_precision", *options, before=tuple(on(cpu)))
    measured = []
    for name, bits, _ in FORMATS:
        kept = samples(found, f"peak.{name}.one")
        flops = sum(record["flops"] for record in kept)
        theory, observed, says = theory_of(facts(found)[f"widths.{name}.one"], bits)
        measured.append(
            Ours(
                flop_per_cycle=observed,
                theory=theory,
                says=says,
                gflops=flops / sum(record["seconds"] for record in kept) / 1e9,
                width_bits=kept[0]["width_bits"],
                flops=flops,
            )
        )
    return measured


def theory_of(widths: dict[str, dict[str, float]], bits: int) -> tuple[float, float, str]:
    """The most flop per cycle of any vector width, each taken to do a whole number of instructions per cycle.

    Args:
        widths: by the name of a kernel, which ends with its bits, the instructions per cycle of its slices.
        bits: of one number.

    Returns:
        Flop per cycle in theory, as observed with the same width, and how theory is made up.
    """
    best, observed, says = 0.0, 0.0, "no width does an instruction per cycle"
    for kernel, found in widths.items():
        per_cycle, lanes = found["instructions_per_cycle"], int(kernel.rpartition("_")[2]) // bits
        whole = round(per_cycle)
        if whole * lanes * 2 > best:
            best, observed = float(whole * lanes * 2), per_cycle * lanes * 2
            says = f"theory: {whole} x {lanes} lanes x 2"
    if not best:
        raise Unmeasured(f"{says}: {widths}")
    return best, observed, says


def peakflops(likwid: Likwid, kernel: str, flops: float) -> float:
    """GFLOP/s of likwid's kernel, a mean over about as many operations as ours."""
    iterations = max(1, round(flops / LIKWID_FLOPS))
    text, seconds = likwid.run(kernel, f"S0:{LIKWID_BYTES}B:1", iterations)
    return field(text, "Number of Flops:") / seconds / 1e9
