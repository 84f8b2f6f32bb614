"""Solve one problem with HPL, judge what it says, and set it beside the CPU's peak and LAPACK's dgesv.

    hpl.py --threads all|core (--n N | --fraction F --seconds S)

One problem per process. The first repetition also solves it with dgesv, as a cross-check, and is where the
order of the matrix is chosen if it is not given: later repetitions have to solve the same problem.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

from output import Solved, Unreadable, rate_error, read
from plan import (
    INPUT,
    NB,
    Team,
    flops,
    largest_order,
    one_per_core,
    order_within,
    pilot_order,
    team,
    usable_bytes,
)

HERE = os.path.dirname(os.path.abspath(__file__))
HPL_THRESHOLD = 16.0  # HPL's own
STRICT = 0.05  # a pivot wrong by 1e-9 gives 2.2, rounding 0.002 to 0.004
ABOVE_PEAK = 1.05  # no rate exceeds the peak by more than the clock may vary between the two
RESULT = "hpccoutf.txt"


def say(**record: Any) -> None:
    """One record on standard output."""
    print(json.dumps(record), flush=True)


def check(name: str, ok: bool, value: float, limit: float) -> None:
    """A check, with what is infinite or no number as text."""
    finite = [number if math.isfinite(number) else str(number) for number in (value, limit)]
    say(check=name, ok=bool(ok), value=finite[0], limit=finite[1])


@dataclass(frozen=True)
class Ran:
    """One run of xhpl: what it solved and what that cost."""

    solved: Solved
    facts: Dict[str, Any]
    wall_seconds: float
    cpu_seconds: float
    fresh: bool  # its output did not exist before and was written while it ran


class Machine:
    """The CPUs to be used and what the programs here say about them."""

    def __init__(self, name: str, limit: Optional[int]) -> None:
        usable = sorted(os.sched_getaffinity(0))
        self.name = name
        self.cpus = usable if name == "all" else one_per_core(usable)
        self.has_smt = len(one_per_core(usable)) < len(usable)
        blas = self.facts(["./dgesv", "--run", name])["blas"]
        self.limit = limit or blas["max_threads"] or len(self.cpus)
        self.team = team(self.cpus, self.limit)
        self.environment = {
            **os.environ,
            # For OpenBLAS with threads of its own, and for one built with OpenMP.
            "OPENBLAS_NUM_THREADS": str(self.team.threads),
            "OMP_NUM_THREADS": str(self.team.threads),
            # The agent is root; without both, mpirun ends at once.
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        }
        self.environment["PATH"] += ":/usr/lib64/openmpi/bin"  # Amazon Linux

    def facts(self, command: Sequence[str]) -> Dict[str, Any]:
        """Facts a program here prints."""
        done = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True)
        records = [json.loads(line) for line in done.stdout.splitlines()]
        return {record["fact"]: record["value"] for record in records if "fact" in record}

    def peak(self) -> float:
        """GFLOP/s of independent FMAs on all its CPUs, measured now."""
        found = self.facts(["./peak", "--cpus", ",".join(map(str, self.cpus))])["fma_peak"]
        return float(found["gflops"])


def as_rank(command: List[str], shares: str) -> None:
    """Become ``command`` on the CPUs of this rank; what mpirun starts."""
    rank = int(os.environ["OMPI_COMM_WORLD_RANK"])
    os.sched_setaffinity(0, [int(cpu) for cpu in shares.split(":")[rank].split(",")])
    os.execv(command[0], command)  # noqa: S606


def run_hpl(machine: Machine, n: int, told: bool) -> Ran:
    """Solve a problem of order ``n``; the records of xhpl go to standard output if ``told``.

    Raises:
        Unreadable: its output is not that of one solved problem.
    """
    job: Team = machine.team
    folder = os.path.join(HERE, "work")
    shutil.rmtree(folder, ignore_errors=True)  # HPL appends: nothing of an earlier run may be there
    os.mkdir(folder)
    with open(os.path.join(folder, "hpccinf.txt"), "w", encoding="ascii") as file:
        file.write(INPUT.format(n=n, nb=NB, p=job.p, q=job.q))
    result = os.path.join(folder, RESULT)
    fresh = not os.path.exists(result)
    command = [os.path.join(HERE, "xhpl"), machine.name]
    shares = ":".join(",".join(map(str, job.share(rank))) for rank in range(job.ranks))
    started = [sys.executable, os.path.abspath(__file__), "--as-rank", shares, *command]
    if job.ranks == 1:
        environment = {**machine.environment, "OMPI_COMM_WORLD_RANK": "0"}
    else:
        environment = machine.environment
        started = ["mpirun", "-np", str(job.ranks), "--bind-to", "none", "--oversubscribe", *started]
    began, since = time.time(), time.monotonic()
    process = subprocess.Popen(started, cwd=folder, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    printed = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - since
    if status != 0:
        raise Unreadable("xhpl ended with status {}".format(status))
    facts = {}
    for line in printed.splitlines():
        record = json.loads(line)
        if "fact" in record:
            facts[record["fact"]] = record["value"]
        if told:
            say(**record)
    with open(result, encoding="ascii") as file:
        fresh = fresh and os.fstat(file.fileno()).st_mtime >= began - 0.05  # a file's clock is a tick behind
        solved = read(file.read())
    return Ran(solved, facts, wall, used.ru_utime + used.ru_stime, fresh)


def verify(machine: Machine, n: int, ran: Ran, peak: float) -> None:
    """Everything that can be wrong with a rate whose residual is right, and the residual."""
    job, solved, run = machine.team, ran.solved, machine.name
    residual = solved.residual
    # Written so that a NaN fails.
    check("residual." + run, 0.0 <= residual < HPL_THRESHOLD and solved.passed, residual, HPL_THRESHOLD)
    check("residual_strict." + run, 0.0 <= residual < STRICT, residual, STRICT)
    asked = (n, NB, job.p, job.q)
    check("problem." + run, (solved.n, solved.nb, solved.p, solved.q) == asked, solved.n, n)
    check("fresh." + run, ran.fresh, float(ran.fresh), 1.0)
    error = rate_error(solved, flops(n))
    check("rate." + run, error <= 1.0, error, 1.0)
    check("elapsed." + run, 0.0 < solved.seconds <= ran.wall_seconds, solved.seconds, ran.wall_seconds)
    # Work takes CPU time, whoever else there is: not more operations per CPU second than the peak of one CPU.
    rate, most = flops(n) / ran.cpu_seconds / 1e9, ABOVE_PEAK * peak / len(machine.cpus)
    check("work." + run, rate <= most, rate, most)
    ranks = [value for name, value in ran.facts.items() if name.startswith("rank.")]
    threads = sum(rank["threads"] for rank in ranks)
    placed = sum(rank["usable_cpus"] for rank in ranks)
    check("team." + run, threads == placed == len(machine.cpus), min(threads, placed), len(machine.cpus))


def cross_check(machine: Machine, ran: Ran) -> None:
    """The same order by dgesv: its own residual, and a rate that HPL's is not far from."""
    job, n = machine.team, ran.solved.n
    threads = str(min(len(machine.cpus), machine.limit))
    done = subprocess.run(
        ["./dgesv", "--n", str(n), "--run", machine.name],
        cwd=HERE,
        env={**machine.environment, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, machine.cpus),
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    for record in records:
        if record.get("fact") != "blas" and not str(record.get("check")).startswith("blas_core"):
            say(**record)  # of BLAS, xhpl has told
    (other,) = [record["value"]["gflops"] for record in records if record.get("fact") == "dgesv"]
    ratio = ran.solved.gflops / other
    # A small problem on many threads is bound by its panels, which the two factorise in different ways.
    factor = 2.0 if n >= 4000 * math.sqrt(job.ranks * job.threads) else 8.0
    check("dgesv_ratio." + machine.name, 1 / factor <= ratio <= factor, ratio, factor)


def chosen_order(machine: Machine, fraction: float, seconds: float, first: bool) -> int:
    """The order for this machine: by the first repetition from memory and a pilot, then kept."""
    kept = os.path.join(HERE, "order.{}.json".format(machine.name))
    if not first:
        with open(kept, encoding="ascii") as file:
            return int(json.load(file)["n"])
    memory = usable_bytes()
    largest = largest_order(memory, fraction)
    pilot = run_hpl(machine, pilot_order(len(machine.cpus), largest), told=False)
    n = order_within(seconds, largest, pilot.solved.n, pilot.solved.seconds, pilot.wall_seconds)
    choice = {"n": n, "largest": largest, "fraction": fraction, "memory_bytes": memory, "seconds": seconds}
    choice.update(pilot_n=pilot.solved.n, pilot_gflops=pilot.solved.gflops, pilot_wall=pilot.wall_seconds)
    with open(kept, "w", encoding="ascii") as file:
        json.dump(choice, file)
    say(fact="order." + machine.name, value=choice)
    return n


def measure(machine: Machine, n: int, first: bool) -> None:
    """One problem of order ``n``, with samples and checks."""
    job, run = machine.team, machine.name
    before = machine.peak()
    ran = run_hpl(machine, n, told=True)
    peak = max(before, machine.peak())
    solved = ran.solved
    problem = {"n": n, "nb": NB, "p": job.p, "q": job.q, "ranks": job.ranks, "threads": job.threads}
    cost = {"wall_seconds": round(ran.wall_seconds, 3), "cpu_seconds": round(ran.cpu_seconds, 3)}
    say(
        sample="hpl." + run,
        value=solved.gflops,
        seconds=solved.seconds,
        residual=solved.residual if math.isfinite(solved.residual) else str(solved.residual),
        **problem,
        **cost,
    )
    say(sample="efficiency." + run, value=solved.gflops / peak, seconds=solved.seconds, peak_gflops=peak)
    verify(machine, n, ran, peak)
    if first:
        cross_check(machine, ran)


def main() -> None:
    """Read the arguments, decline what does not fit here, measure the rest."""
    if sys.argv[1:2] == ["--as-rank"]:
        as_rank(sys.argv[3:], sys.argv[2])
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", choices=["all", "core"], required=True)
    parser.add_argument("--n", type=int)
    parser.add_argument("--fraction", type=float, default=0.80)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--limit", type=int, help="threads of one rank; the library's own unless given")
    asked = parser.parse_args()
    machine = Machine(asked.threads, asked.limit)
    first = os.environ.get("BENCHTUI_REPETITION", "0") == "0"

    reason = None
    memory = usable_bytes()
    if asked.threads == "core" and not machine.has_smt:
        reason = "no SMT: every usable CPU is a core of its own, so hpl.all is this figure"
    elif asked.n and 8 * asked.n**2 > 0.9 * memory:
        needed = 8e-6 * asked.n**2
        reason = "a matrix of order {} takes {:.0f} MB of {:.0f} MB of memory".format(
            asked.n, needed, memory / 1e6
        )
    elif not asked.n and largest_order(memory, asked.fraction) < 2 * NB:
        reason = "no matrix worth solving fits in {:.0f} MB of memory".format(memory / 1e6)
    if reason:
        for metric in ("hpl.", "efficiency."):
            say(declined=metric + asked.threads, reason=reason)
        return
    try:
        n = asked.n or chosen_order(machine, asked.fraction, asked.seconds, first)
        measure(machine, n, first)
    except Unreadable as error:
        sys.exit("error: {}".format(error))


if __name__ == "__main__":
    main()
