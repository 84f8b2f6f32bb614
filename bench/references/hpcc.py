"""hpcc of the distribution (Debian's and Ubuntu's package hpcc): the same HPL, compiled by somebody else.

Both read the same hpccinf.txt, run as the same ranks and threads, and must be linked to the same BLAS
(ldd). hpcc runs all its tests and HPL last; the order of the matrix sizes the others. So an order is
chosen that keeps them short, and SOLVES problems of that order are solved in each run, by both: a run's
figure is their median.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.quiet import Unmeasured, need, output
from bench.references.debian import version
from bench.references.pairs import Comparison, Row
from bench.references.suites import PAYLOADS, built

N = 4608
SOLVES = 5
LEAST_RATIO = 0.99
STRICTEST_RESIDUAL = 0.05
RESULT = "hpccoutf.txt"
#: hpcc reads sizes for PTRANS behind HPL's: none besides HPL's own.
PTRANS = "a line that hpcc skips\n0 additional sizes for PTRANS\n0 values\n0 additional blocks\n0 values\n"


def comparisons() -> Iterator[Comparison]:
    """HPL on one CPU, which is judged, and on all, as the suite divides them into ranks and threads.

    The host of a guest may put two of its CPUs on one core for a while: two threads then differ by a tenth
    from run to run, which no dozen of pairs averages out.
    """
    need("hpcc", "hpcc")
    need("ldd", "libc-bin")
    folder = built("hpl")
    hpcc = Path(shutil.which("hpcc") or "hpcc")
    ours, theirs = blas(folder / "xhpl"), blas(hpcc)
    if ours != theirs:
        raise Unmeasured(f"xhpl is linked to {ours}, hpcc to {theirs}")
    cpus = sorted(os.sched_getaffinity(0))
    for used in [cpus[:1], cpus] if len(cpus) > 1 else [cpus]:
        plan = Plan(used)
        name = "one CPU" if len(used) == 1 else f"{len(used)} CPUs"
        yield Comparison(
            rows=(
                Row(
                    f"HPL, N = {N}, {name}",
                    f"hpcc {version('hpcc')}",
                    "GFLOP/s",
                    least=LEAST_RATIO,
                    judged=len(used) == 1,
                ),
            ),
            conditions=f"N = {N} solved {SOLVES} times (median), NB = {plan.nb}, P x Q = {plan.p} x {plan.q},"
            f" {plan.threads} threads per rank, both with {ours}, base pages",
            ours=lambda plan=plan: [gflops(plan, [str(folder / "xhpl"), "all"])],  # type: ignore[misc]
            theirs=lambda plan=plan: [gflops(plan, [str(hpcc)])],  # type: ignore[misc]
        )


class Plan:
    """How the suite divides some CPUs of this machine, by the suite's own module."""

    def __init__(self, cpus: list[int]) -> None:
        sys.path.insert(0, str(PAYLOADS / "hpl"))
        try:
            import plan  # type: ignore[import-not-found]
        finally:
            sys.path.pop(0)
        self.cpus = ",".join(map(str, cpus))
        team = plan.team(cpus, openblas_threads())
        self.nb: int = plan.NB
        self.p, self.q, self.threads = int(team.p), int(team.q), int(team.threads)
        self.ranks: int = team.ranks
        text: str = plan.INPUT.format(n=" ".join([str(N)] * SOLVES), nb=self.nb, p=self.p, q=self.q)
        self.input = text.replace(
            "1            # of problems sizes", f"{SOLVES}            # of problems sizes"
        )


def openblas_threads() -> int:
    """How many threads the library was built for."""
    library = ctypes.CDLL("libopenblas.so.0")
    library.openblas_get_config.restype = ctypes.c_char_p
    found = re.search(r"MAX_THREADS=(\d+)", library.openblas_get_config().decode())
    if not found:
        raise Unmeasured("OpenBLAS does not tell how many threads it has at most")
    return int(found[1])


def blas(program: Path) -> str:
    """The file of OpenBLAS that a program is linked to."""
    found = re.search(r"libopenblas\S* => (\S+)", output("ldd", str(program)))
    if not found:
        raise Unmeasured(f"{program} is not linked to OpenBLAS")
    return str(Path(found[1]).resolve())


def gflops(plan: Plan, command: list[str]) -> float:
    """Median of the problems that a program solves in a folder of its own, each verified by its residual."""
    if plan.ranks > 1:
        command = ["mpirun", "-np", str(plan.ranks), "--bind-to", "none", "--oversubscribe", *command]
    command = ["taskset", "-c", plan.cpus, *command]
    settings = {
        "OPENBLAS_NUM_THREADS": str(plan.threads),
        "OMP_NUM_THREADS": str(plan.threads),
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    with tempfile.TemporaryDirectory(prefix="hpcc-") as name:
        folder = Path(name)
        (folder / "hpccinf.txt").write_text(plan.input + PTRANS)
        output(*command, folder=folder, also=settings)
        text = (folder / RESULT).read_text()
    solved = re.findall(
        rf"(?m)^W\S+ +{N} +{plan.nb} +{plan.p} +{plan.q} +\d+\.\d\d +(\d\.\d+e[+-]\d\d)\s*$", text
    )
    residuals = re.findall(r"(?m)^\|\|Ax-b\|\|\S+= +(\d+\.\d+) \.{6} PASSED\s*$", text)
    if len(solved) != SOLVES or len(residuals) != SOLVES:
        raise Unmeasured(f"{' '.join(command)}: not {SOLVES} solved problems of N = {N}:\n{text}")
    if not all(float(residual) < STRICTEST_RESIDUAL for residual in residuals):
        raise Unmeasured(f"{' '.join(command)}: residuals {residuals}")
    return statistics.median(float(rate) for rate in solved)
