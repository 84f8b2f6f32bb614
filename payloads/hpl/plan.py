"""What HPL is asked to solve on this machine: ranks, threads, their grid, the order of the matrix."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Dict, List, Optional

NB = 192  # block size; 128 to 384 differ by less than repetitions do
PILOT_N = 4032  # on two CPUs: one second
SYSFS = "/sys/devices/system/cpu"

#: The choices of hpcc's own sample input, which most published results of one node share. docs/suites/hpl.md.
INPUT = """\
HPLinpack benchmark input file
benchtui
HPL.out      output file name (hpcc's HPL ignores it)
8            device out (ignored, too: it appends to hpccoutf.txt)
1            # of problems sizes (N)
{n} Ns
1            # of NBs
{nb} NBs
0            PMAP process mapping (0=Row-,1=Column-major)
1            # of process grids (P x Q)
{p} Ps
{q} Qs
16.0         threshold
1            # of panel fact
2            PFACTs (0=left, 1=Crout, 2=Right)
1            # of recursive stopping criterium
4            NBMINs (>= 1)
1            # of panels in recursion
2            NDIVs
1            # of recursive panel fact.
1            RFACTs (0=left, 1=Crout, 2=Right)
1            # of broadcast
1            BCASTs (0=1rg,1=1rM,2=2rg,3=2rM,4=Lng,5=LnM)
1            # of lookahead depth
1            DEPTHs (>=0)
2            SWAP (0=bin-exch,1=long,2=mix)
64           swapping threshold
0            L1 in (0=transposed,1=no-transposed) form
0            U  in (0=transposed,1=no-transposed) form
1            Equilibration (0=no,1=yes)
8            memory alignment in double (> 0)
"""


def flops(n: int) -> float:
    """Operations HPL is credited with: 2/3 n^3 + 3/2 n^2, whatever the algorithm does (HPL_pdtest.c)."""
    return n * n * (2.0 / 3.0 * n + 1.5)


@dataclass(frozen=True)
class Team:
    """Who computes: `ranks` processes of `threads` BLAS threads on equal shares of `cpus`."""

    cpus: List[int]
    ranks: int
    threads: int

    @property
    def p(self) -> int:
        """Rows of the process grid: the largest divisor that is not more than the columns."""
        return max(p for p in range(1, math.isqrt(self.ranks) + 1) if self.ranks % p == 0)

    @property
    def q(self) -> int:
        """Columns of the process grid."""
        return self.ranks // self.p

    def share(self, rank: int) -> List[int]:
        """CPUs of a rank: neighbours, so that they share caches and memory."""
        return self.cpus[rank * self.threads : (rank + 1) * self.threads]


def team(cpus: List[int], limit: int) -> Team:
    """One rank with a thread per CPU; where the library has fewer threads, as few equal ranks as will do."""
    ranks = max(1, -(-len(cpus) // max(1, limit)))
    while len(cpus) % ranks:
        ranks += 1
    return Team(cpus, ranks, len(cpus) // ranks)


def one_per_core(cpus: List[int], sysfs: str = SYSFS) -> List[int]:
    """The first usable CPU of each physical core; a CPU without topology is a core of its own."""
    first: Dict[str, int] = {}
    for cpu in cpus:
        try:
            with open("{}/cpu{}/topology/thread_siblings_list".format(sysfs, cpu), encoding="ascii") as file:
                core = file.read().strip()
        except OSError:
            core = str(cpu)
        first.setdefault(core, cpu)
    return list(first.values())


def usable_bytes() -> int:
    """Memory for the matrix's sake: the smaller of MemAvailable and what the agent says that may be used."""
    with open("/proc/meminfo", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    available = int(fields["MemAvailable"].split()[0]) * 1024
    given: Optional[str] = os.environ.get("BENCHTUI_MEMORY_BYTES")
    return min(available, int(float(given))) if given else available


def largest_order(memory: int, fraction: float) -> int:
    """The largest multiple of NB whose matrix takes at most that fraction of the memory."""
    return int(math.sqrt(fraction * memory / 8) / NB) * NB


def pilot_order(cpus: int, largest: int) -> int:
    """About as many seconds on any number of CPUs."""
    return min(largest, round(PILOT_N * (cpus / 2) ** (1 / 3) / NB) * NB)


def order_within(seconds: float, largest: int, pilot_n: int, solve: float, wall: float) -> int:
    """The largest multiple of NB up to `largest` whose process should take at most `seconds`.

    The pilot solved order `pilot_n` in `solve` of its `wall` seconds. Solving grows with n^3 (at the pilot's
    rate, which a larger matrix exceeds), generating and checking the matrix with n^2.
    """
    n = largest
    while n > pilot_n and solve * flops(n) / flops(pilot_n) + (wall - solve) * (n / pilot_n) ** 2 > seconds:
        n -= NB
    return n
