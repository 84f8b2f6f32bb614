"""FFTW's own benchmark program, tests/bench of its source, linked to the distribution's library as our
driver is.

The source is the distribution's (.orig tarball, pinned). Only the harness is built of it, libbench2 and
tests/; the transforms come from the shared library that our driver uses, by file (ldd).

Both plan with FFTW_MEASURE in each run anew, transform forward and out of place in double precision on one
thread, on base pages, and time REPEAT batches of at least BATCH_SECONDS; a run's figure is its best batch,
which is what FFTW's authors report. bench transforms zeros, our driver random numbers.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.quiet import Unmeasured, need, on, output
from bench.references.debian import source, version
from bench.references.pairs import Comparison, Row
from bench.references.suites import built, records, samples

SHA256 = "56c932549852cddcfafdab3820b0200c7742675be92179e59e6215b340e26467"  # fftw3_3.3.10.orig.tar.gz
REPEAT = 24
BATCH_SECONDS = 0.0075  # what our driver's batches reach at least
LEAST_RATIO = 0.97


@dataclass(frozen=True, slots=True)
class Size:
    """One problem, in the words of both programs."""

    title: str
    ours: str
    theirs: str
    turns: int
    """In a pair; planning makes the long ones dear."""
    pairs_each: int = 1
    """Single pairs of the long ones are up to a fifth off, by plan and memory: eleven do not tell 3 %."""


SIZES = (
    Size("2^10", "1d.2e10", "1024", turns=8),
    Size("2^16", "1d.2e16", "65536", turns=3),
    Size("1024²", "2d.1024", "1024x1024", turns=3, pairs_each=3),
    Size("128³", "3d.128", "128x128x128", turns=2, pairs_each=3),
)


def comparisons() -> Iterator[Comparison]:
    """One per size, on the first usable CPU."""
    need("make", "make")
    need("ldd", "libc-bin")
    folder, bench = built("fftw"), built_bench()
    mine, other = library(folder / "fftw"), library(bench)
    if mine != other:
        raise Unmeasured(f"our driver is linked to {mine}, bench to {other}")
    cpu = min(os.sched_getaffinity(0))
    for size in SIZES:
        yield Comparison(
            rows=(
                Row(
                    f"FFT {size.title}",
                    f"FFTW's bench {version('libfftw3-double3')}",
                    "GFLOP/s",
                    least=LEAST_RATIO,
                ),
            ),
            conditions=f"{size.title}, complex double, forward, out of place, FFTW_MEASURE, CPU {cpu},"
            f" base pages, best of {REPEAT} batches, both with {mine}",
            ours=lambda size=size: [ours(folder, cpu, size)],  # type: ignore[misc]
            theirs=lambda size=size: [theirs(bench, cpu, size)],  # type: ignore[misc]
            turns=size.turns,
            pairs_each=size.pairs_each,
        )


def built_bench() -> Path:
    """tests/bench, linked to the shared libraries of the distribution."""
    top = source("fftw3", SHA256)
    program = top / "bench-of-the-distribution"
    if not program.exists():
        output("./configure", "--enable-openmp", "--disable-fortran", "--disable-doc", folder=top)
        output("make", "-C", "libbench2", folder=top)
        sources = [f"tests/{name}.c" for name in ("bench", "hook", "fftw-bench")]
        output(
            *("gcc", "-O3", "-fopenmp", "-DHAVE_CONFIG_H", "-I.", *sources, "libbench2/libbench2.a"),
            *("-o", program.name + ".new", "-lfftw3_omp", "-lfftw3", "-lm"),
            folder=top,
        )
        (top / (program.name + ".new")).rename(program)
    return program


def library(program: Path) -> str:
    """The file of double-precision FFTW that a program is linked to."""
    found = re.search(r"libfftw3\.so\S* => (\S+)", output("ldd", str(program)))
    if not found:
        raise Unmeasured(f"{program} is not linked to a shared libfftw3")
    return str(Path(found[1]).resolve())


def ours(folder: Path, cpu: int, size: Size) -> float:
    """GFLOP/s of our driver's best batch."""
    options = ["--threads", "one", "--precision", "double", "--cases", size.ours, "--batches", str(REPEAT)]
    found = samples(
        records(folder, "./fftw", *options, before=tuple(on(cpu))), f"c2c.double.{size.ours}.measure.one"
    )
    if len(found) != REPEAT or any(record["huge_page_bytes"] for record in found):
        raise Unmeasured(f"ours: not {REPEAT} batches on base pages: {found}")
    return max(float(record["value"]) for record in found)


def theirs(bench: Path, cpu: int, size: Size) -> float:
    """GFLOP/s of bench's best batch, from the time of one transform: 5 n log2 n operations, as ours."""
    text = output(
        *(*on(cpu), str(bench), "--report-benchmark", "--time-repeat", str(REPEAT)),
        *("--time-min", str(BATCH_SECONDS), "-onthreads=1", "-s", f"ocf{size.theirs}"),
        folder=bench.parent,
    )
    found = re.fullmatch(
        r"\S+ (\S+) \S+", text.strip()
    )  # mflops, seconds of a transform, seconds of planning
    if not found:
        raise Unmeasured(f"FFTW's bench: {text}")
    n = math.prod(int(length) for length in size.theirs.split("x"))
    return 5 * n * math.log2(n) / float(found[1]) / 1e9
