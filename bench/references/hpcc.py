"""hpcc of the distribution (Debian's and Ubuntu's package hpcc): the same HPL, compiled by somebody else.

Both read the same hpccinf.txt, run as one rank with one thread, and must be linked to the same BLAS (ldd).
hpcc runs all its tests and HPL last; the order of the matrix sizes the others. So an order is chosen that
keeps them short, and SOLVES problems of that order are solved in each run, by both: a run's figure is the
best of them.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.quiet import Unmeasured, need, on, output
from bench.references.debian import version
from bench.references.pairs import Comparison, Row
from bench.references.suites import PAYLOADS, built

N = 3072
SOLVES = 8
LEAST_RATIO = 0.99
STRICTEST_RESIDUAL = 0.05
RESULT = "hpccoutf.txt"
#: hpcc reads sizes for PTRANS behind HPL's: none besides HPL's own.
PTRANS = "a line that hpcc skips\n0 additional sizes for PTRANS\n0 values\n0 additional blocks\n0 values\n"


def comparisons() -> Iterator[Comparison]:
    """HPL on one CPU. The host of a guest may put two of its CPUs on one core for a while: two threads then
    differ by a tenth from run to run, which no dozen of pairs averages out.
    """
    need("hpcc", "hpcc")
    need("ldd", "libc-bin")
    folder = built("hpl")
    hpcc = Path(shutil.which("hpcc") or "hpcc")
    ours, theirs = blas(folder / "xhpl"), blas(hpcc)
    if ours != theirs:
        raise Unmeasured(f"xhpl is linked to {ours}, hpcc to {theirs}")
    plan = Plan(min(os.sched_getaffinity(0)))
    yield Comparison(
        rows=(Row(f"HPL, N = {N}", f"hpcc {version('hpcc')}", "GFLOP/s", least=LEAST_RATIO),),
        conditions=f"N = {N} solved {SOLVES} times (best) on CPU {plan.cpu}, NB = {plan.nb},"
        f" P x Q = 1 x 1, both with {ours}, base pages",
        ours=lambda: [gflops(plan, [str(folder / "xhpl"), "all"])],
        theirs=lambda: [gflops(plan, [str(hpcc)])],
    )


class Plan:
    """How the suite sets HPL up for one CPU, by the suite's own module."""

    def __init__(self, cpu: int) -> None:
        sys.path.insert(0, str(PAYLOADS / "hpl"))
        try:
            import plan  # type: ignore[import-not-found]
        finally:
            sys.path.pop(0)
        self.cpu = cpu
        self.nb: int = plan.NB
        text: str = plan.INPUT.format(n=" ".join([str(N)] * SOLVES), nb=self.nb, p=1, q=1)
        self.input = text.replace(
            "1            # of problems sizes", f"{SOLVES}            # of problems sizes"
        )


def blas(program: Path) -> str:
    """The file of OpenBLAS that a program is linked to."""
    found = re.search(r"libopenblas\S* => (\S+)", output("ldd", str(program)))
    if not found:
        raise Unmeasured(f"{program} is not linked to OpenBLAS")
    return str(Path(found[1]).resolve())


def gflops(plan: Plan, command: list[str]) -> float:
    """Best of the problems that a program solves in a folder of its own, each verified by its residual."""
    command = [*on(plan.cpu), *command]
    settings = {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    with tempfile.TemporaryDirectory(prefix="hpcc-") as name:
        folder = Path(name)
        (folder / "hpccinf.txt").write_text(plan.input + PTRANS)
        output(*command, folder=folder, also=settings)
        text = (folder / RESULT).read_text()
    solved = re.findall(rf"(?m)^W\S+ +{N} +{plan.nb} +1 +1 +\d+\.\d\d +(\d\.\d+e[+-]\d\d)\s*$", text)
    residuals = re.findall(r"(?m)^\|\|Ax-b\|\|\S+= +(\d+\.\d+) \.{6} PASSED\s*$", text)
    if len(solved) != SOLVES or len(residuals) != SOLVES:
        raise Unmeasured(f"{' '.join(command)}: not {SOLVES} solved problems of N = {N}:\n{text}")
    if not all(float(residual) < STRICTEST_RESIDUAL for residual in residuals):
        raise Unmeasured(f"{' '.join(command)}: residuals {residuals}")
    return max(float(rate) for rate in solved)
