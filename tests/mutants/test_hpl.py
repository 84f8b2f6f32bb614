"""HPL, and the driver around it, broken on purpose."""

from pathlib import Path

import pytest

from tests.mutants.harness import Mutant, check_is_caught, parameters

RUN = ("python3", "hpl.py", "--threads", "all", "--n", "2000")
CHANGE = '    ("src/comm/HPL_packL.c", "MPI_Type_struct(", "MPI_Type_create_struct(", 1),\n'


def in_hpl(file: str, old: str, new: str) -> dict[str, str]:
    """HPL's own source changed once, as the build changes it."""
    return {CHANGE: CHANGE + f"    ({file!r}, {old!r}, {new!r}, 1),\n"}


def mutant(
    name: str, replacements: dict[str, str], check: str, *, cpus: int = 1, run: tuple[str, ...] = RUN
) -> Mutant:
    """HPL of order 2000 on all CPUs."""
    return Mutant(
        "hpl", name, replacements, run, f"{check}.all", cpus=cpus, programs=("gcc", "mpicc", "apt-get")
    )


TEST = "testing/ptest/HPL_pdtest.c"
SOLVED = "   HPL_pdgesv( GRID, ALGO, &mat );"
WRONG_X = SOLVED + " if( mat.nq > 0 ) mat.X[0] *= 1.0 + {};"
RATE = "( ( 2.0 / 3.0 ) * (double)(N) + ( 3.0 / 2.0 ) );"
MUTANTS = [
    mutant("a solution wrong by 1e-9", in_hpl(TEST, SOLVED, WRONG_X.format("1e-9")), "residual_strict"),
    mutant("a solution wrong by 1e-3", in_hpl(TEST, SOLVED, WRONG_X.format("1e-3")), "residual"),
    mutant(
        "a solution that is no number",
        in_hpl(TEST, SOLVED, SOLVED + " mat.X[0] = 0.0 / 0.0;"),
        "residual_strict",
    ),
    mutant(
        "twice the operations credited", in_hpl(TEST, RATE, RATE.replace("2.0 / 3.0", "4.0 / 3.0")), "rate"
    ),
    mutant("another problem than was asked for", {"INPUT.format(n=n,": "INPUT.format(n=n // 2,"}, "problem"),
    mutant(
        "the result file is an old one",
        {"    with open(result, encoding": "    os.utime(result, (1, 1))\n    with open(result, encoding"},
        "fresh",
    ),
    mutant(
        "one thread by accident",
        {'"OPENBLAS_NUM_THREADS": str(self.team.threads)': '"OPENBLAS_NUM_THREADS": "1"'},
        "team",
        cpus=2,
    ),
    mutant(
        "kernels for a CPU of 2004",
        {'"OMPI_ALLOW_RUN_AS_ROOT": "1",': '"OMPI_ALLOW_RUN_AS_ROOT": "1", "OPENBLAS_CORETYPE": "Prescott",'},
        "blas_core",
    ),
    mutant(
        "no work was done", {"used.ru_utime + used.ru_stime, fresh": "1e-3 * used.ru_utime, fresh"}, "work"
    ),
]


@pytest.mark.parametrize("mutant", parameters(MUTANTS, in_default_suite=0))
def test_mutant_is_caught(tmp_path: Path, mutant: Mutant) -> None:
    check_is_caught(mutant, tmp_path)
