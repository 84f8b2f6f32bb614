"""Fourier transforms broken on purpose."""

from pathlib import Path

import pytest

from tests.mutants.harness import Mutant, check_is_caught, parameters

CASE = "1d.2e10"


def mutant(
    name: str,
    replacements: dict[str, str],
    check: str,
    *,
    threads: str = "one",
    case: str = CASE,
    cpus: int = 1,
) -> Mutant:
    """One case in double precision."""
    run = ("./fftw", "--threads", threads, "--precision", "double", "--cases", case, "--batches", "2")
    return Mutant("fftw", name, replacements, run, f"{check}.double.{case}.{threads}", cpus=cpus)


PLAN = (
    "FFTW(plan) plan = FFTW(plan_dft)(shape->rank, shape->length, b.in, b.out, FFTW_FORWARD, PLANNER_FLAG);"
)
FORGET = "FFTW(forget_wisdom)(); /* that of the cases before this one, too */"
HALF = (
    "struct shape half = *shape; half.length[0] /= 2;"
    " FFTW(plan) plan = FFTW(plan_dft)(half.rank, half.length, b.in, b.out, FFTW_FORWARD, PLANNER_FLAG);"
)
ONE_DIMENSION = PLAN.replace("(shape->rank, shape->length", "(1, shape->length")
BACK = "FFTW(execute_dft)(plan, b->out, b->in);"
MUTANTS = [
    mutant("a plan of half the size", {PLAN: HALF}, "parseval"),
    mutant("a plan of half the size has no bin for it", {PLAN: HALF}, "sinusoid"),
    mutant("ESTIMATE instead of MEASURE", {PLAN: PLAN.replace("PLANNER_FLAG", "FFTW_ESTIMATE")}, "planner"),
    mutant(
        "wisdom of an earlier plan is used",
        {FORGET: FORGET + " FFTW(destroy_plan)(" + PLAN.split(" = ")[1].rstrip(";") + ");"},
        "no_wisdom",
    ),
    mutant(
        "half the operations credited",
        {"return 5.0 * (double)shape->n": "return 2.5 * (double)shape->n"},
        "flops",
    ),
    mutant("one dimension of two", {PLAN: ONE_DIMENSION}, "parseval", case="2d.1024"),
    mutant("epsilon of 2^-40", {"#define EPSILON 0x1p-53": "#define EPSILON 0x1p-40"}, "error_is_seen"),
    mutant(
        "tolerance a thousand times as wide", {"TOLERANCE = 2.0;": "TOLERANCE = 2000.0;"}, "error_is_seen"
    ),
    mutant(
        "a comparison NaN passes", {"return error <= limit;": "return !(error > limit);"}, "error_is_seen"
    ),
    mutant("the way back is skipped", {BACK: ""}, "inverse"),
    mutant("in and out exchanged without a transform", {BACK: "memcpy(b->in, b->out, b->bytes);"}, "inverse"),
    mutant(
        "batches of one transform",
        {
            "if (seconds >= 1.5 * SHORTEST_SECONDS) break;": "break;",
            "if (seconds < SHORTEST_SECONDS) {": "if (seconds < 0.0) {",
        },
        "timer",
    ),
    mutant(
        "one thread by accident",
        {"FFTW(plan_with_nthreads)(options->threads);": "FFTW(plan_with_nthreads)(1);"},
        "team",
        threads="all",
        case="1d.2e16",
        cpus=2,
    ),
    mutant(
        "all threads on one CPU",
        {"int cpu = cpus->cpu[omp_get_thread_num()];": "int cpu = cpus->cpu[0];"},
        "team",
        threads="all",
        case="1d.2e16",
        cpus=2,
    ),
]


@pytest.mark.skipif(not Path("/usr/include/fftw3.h").exists(), reason="libfftw3-dev is not installed")
@pytest.mark.parametrize("mutant", parameters(MUTANTS))
def test_mutant_is_caught(tmp_path: Path, mutant: Mutant) -> None:
    check_is_caught(mutant, tmp_path)
