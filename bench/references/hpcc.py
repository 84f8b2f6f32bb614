"""hpcc of the distribution (Debian's and Ubuntu's package hpcc): the same HPL, compiled by somebody else.

Both read the same hpccinf.txt, run as one rank with one thread, and must be linked to the same BLAS (ldd)
and use its kernels for the same core: OpenBLAS 0.3.21 does not know an Emerald Rapids and takes those of a
Prescott there, which are a quarter as fast. Our suite forces a core that fits; the other program is asked
for the same one, and what each then uses is read from its own words.
hpcc runs all its tests and HPL last; the order of the matrix sizes the others. So an order is chosen that
keeps them short, and a process solves PROBLEMS of that order. They are solved in turn with the other
program's, one by one: a program is held while the other has its turn (Solver).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from bench.quiet import TIMEOUT_SECONDS, Unmeasured, need, on, output
from bench.references.debian import version
from bench.references.pairs import Comparison, Row
from bench.references.suites import PAYLOADS, built, facts, records

N = 3072
PROBLEMS = 20  # HPL takes no more sizes in one input
PAIRS_EACH = 7  # a pair is two problems, two seconds
LEAST_RATIO = 0.99
STRICTEST_RESIDUAL = 0.05
RESULT = "hpccoutf.txt"
WORDS = "stderr"
LOOK_SECONDS = 0.01  # the residual that follows a rate takes ten times as long
#: hpcc reads sizes for PTRANS behind HPL's: none besides HPL's own.
PTRANS = "a line that hpcc skips\n0 additional sizes for PTRANS\n0 values\n0 additional blocks\n0 values\n"
SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_VERBOSE": "2",  # says which core's kernels it uses
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}


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
    plan, core = Plan(min(os.sched_getaffinity(0))), chosen_core(folder)
    mine, other = Solver(plan, core, [str(folder / "xhpl"), "all"]), Solver(plan, core, [str(hpcc)])
    yield Comparison(
        rows=(Row(f"HPL, N = {N}", f"hpcc {version('hpcc')}", "GFLOP/s", least=LEAST_RATIO),),
        conditions=f"N = {N} on CPU {plan.cpu}, NB = {plan.nb}, P x Q = 1 x 1, one problem each, both with"
        f" {ours} for {core}, base pages",
        ours=lambda: [mine.rate()],
        theirs=lambda: [other.rate()],
        pairs_each=PAIRS_EACH,
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
        text: str = plan.INPUT.format(n=" ".join([str(N)] * PROBLEMS), nb=self.nb, p=1, q=1)
        self.input = text.replace(
            "1            # of problems sizes", f"{PROBLEMS}           # of problems sizes"
        )


def blas(program: Path) -> str:
    """The file of OpenBLAS that a program is linked to."""
    found = re.search(r"libopenblas\S* => (\S+)", output("ldd", str(program)))
    if not found:
        raise Unmeasured(f"{program} is not linked to OpenBLAS")
    return str(Path(found[1]).resolve())


def chosen_core(folder: Path) -> str:
    """The core whose kernels the suite has OpenBLAS use on this CPU, by OpenBLAS's name."""
    core: str = facts(records(folder, "./dgesv"))["blas"]["core"]
    return core


class Solver:
    """One of the programs, held by a signal after each problem that it has solved.

    HPL writes a rate as soon as it has it; the residual and the next matrix follow, outside the time that it
    takes. So two programs can have turns of a second, though hpcc alone measures for half a minute before its
    first problem, and the host's moods, which last as long, meet both.
    """

    def __init__(self, plan: Plan, core: str, command: list[str]) -> None:
        self._plan, self._core, self._command = plan, core, [*on(plan.cpu), *command]
        self._process: subprocess.Popen[bytes] | None = None
        self._result, self._words = Path(), Path()
        self._solved = 0

    def rate(self) -> float:
        """GFLOP/s of one more problem, by the program's own clock.

        Raises:
            Unmeasured: the program ended before, a residual is not what it must be, or another core's
                kernels were used.
        """
        if self._process is None:
            self._process = self._start()
        self._process.send_signal(signal.SIGCONT)
        rates = self._rates_beyond(self._solved)
        self._same_core()
        self._solved += 1
        if self._solved < PROBLEMS:
            self._process.send_signal(signal.SIGSTOP)
        else:
            self._end()
        return rates[-1]

    def _start(self) -> subprocess.Popen[bytes]:
        folder = Path(tempfile.mkdtemp(prefix="hpcc-"))
        (folder / "hpccinf.txt").write_text(self._plan.input + PTRANS)
        self._result, self._words, self._solved = folder / RESULT, folder / WORDS, 0
        with self._words.open("wb") as words:
            process = subprocess.Popen(
                self._command,
                cwd=folder,
                env={
                    **os.environ,
                    **SETTINGS,
                    "OPENBLAS_CORETYPE": self._core,
                    "TMPDIR": str(folder),  # where MPI leaves files when it is killed
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
            )
        self._leave = weakref.finalize(self, _leave, process, folder)
        return process

    def _rates_beyond(self, solved: int) -> list[float]:
        """All rates so far, once there is one more than ``solved``."""
        assert self._process is not None
        ends = time.monotonic() + TIMEOUT_SECONDS
        while True:
            ended = self._process.poll() is not None
            rates = self._read()
            if len(rates) > solved + 1:
                self._failed("it was not held in time and had two turns")
            if len(rates) > solved:
                return rates
            if ended or time.monotonic() > ends:
                self._failed(f"{len(rates)} problems solved")
            time.sleep(LOOK_SECONDS)

    def _same_core(self) -> None:
        """A program that starts itself again names a core each time; the last one solved the problem."""
        cores = re.findall(r"(?m)^Core: (\S+)$", self._words.read_text())
        if cores[-1:] != [self._core]:
            self._failed(f"OpenBLAS says it uses {cores[-1:] or 'no core'}, not {self._core}")

    def _read(self) -> list[float]:
        text = self._result.read_text() if self._result.exists() else ""
        written = re.findall(r"(?m)^\|\|Ax-b\|\|\S+= +(\S+) \.{6} (\w+)\s*$", text)
        if wrong := [each for each in written if each[1] != "PASSED" or float(each[0]) >= STRICTEST_RESIDUAL]:
            self._failed(f"residuals {wrong}")
        solved = rf"(?m)^W\S+ +{N} +{self._plan.nb} +1 +1 +\d+\.\d\d +(\d\.\d+e[+-]\d\d)\s*$"
        return [float(rate) for rate in re.findall(solved, text)]

    def _end(self) -> None:
        """Let it look at its last residual; the next problem is another process's."""
        assert self._process is not None
        if self._process.wait(TIMEOUT_SECONDS) != 0 or self._result.read_text().count(" PASSED") < PROBLEMS:
            self._failed("not every residual was written")
        self._read()
        self._leave()
        self._process = None

    def _failed(self, why: str) -> NoReturn:
        text = self._result.read_text() if self._result.exists() else ""
        raise Unmeasured(f"{' '.join(self._command)}: {why}:\n{text[-2000:]}")


def _leave(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.kill()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
