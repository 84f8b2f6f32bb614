"""BLAS level 1 broken on purpose."""

from pathlib import Path

import pytest

from tests.mutants.harness import CLOCK_OF_10_MS, KERNELS_OF_2004, Mutant, check_is_caught, parameters
from tests.payloads.kernels import CPUS, fake_sysfs, three_levels


def small_caches(root: Path) -> Path:
    """Caches so small that the vectors in memory have 80 MB."""
    return fake_sysfs(root, caches={cpu: three_levels(cpu, "8M", "0-999", l2="256K") for cpu in CPUS})


def mutant(
    name: str, replacements: dict[str, str], check: str, *, threads: str = "one", cpus: int = 1
) -> Mutant:
    """Run with one batch and small_caches(), and in memory only where that makes a difference."""
    run = ("./vector_ops", "--threads", threads, "--batches", "1", "--sysfs", "{sysfs}")
    no_memory = () if check in ("array_size", "team") else (("BENCHTUI_MEMORY_BYTES", "300000000"),)
    return Mutant(
        "vector_ops",
        name,
        replacements,
        run,
        f"{check}.{threads}",
        environment=no_memory,
        cpus=cpus,
        sysfs=small_caches,
    )


RETRY = "if (batch[k].seconds < SHORTEST_SECONDS) calls = 2 * calls, k--;"
MUTANTS = [
    mutant("the result of ddot is not used", {"sum += cblas_ddot": "(void)cblas_ddot"}, "ddot"),
    mutant("half the vector", {"cblas_daxpy(v->n, even": "cblas_daxpy(v->n / 2, even"}, "daxpy"),
    mutant("idamax of the first half", {"cblas_idamax(v->n,": "cblas_idamax(v->n / 2,"}, "idamax"),
    mutant("every other element", {"cblas_dasum(v->n, v->x, 1)": "cblas_dasum(v->n / 2, v->x, 2)"}, "dasum"),
    mutant("dcopy never runs", {"else cblas_dcopy(": "else if (v->n == 0) cblas_dcopy("}, "dcopy"),
    mutant("dscal by one, which a library may skip", {"even ? 2.0 : 0.5": "even ? 1.0 : 1.0"}, "bytes"),
    mutant("the norm in single precision", {"sum += cblas_dnrm2": "sum += (float)cblas_dnrm2"}, "dnrm2"),
    mutant("ddot charged with a store", {"1 + 1     */ 16": "1 + 1     */ 24"}, "bytes"),
    mutant("epsilon of single precision", {"= DBL_EPSILON / 2;": "= FLT_EPSILON / 2;"}, "single_is_seen"),
    mutant("a comparison NaN passes", {"return error <= 1.0;": "return !(error > 1.0);"}, "nan_is_seen"),
    mutant(
        "vectors that fit a cache", {"whole_pages(plan->dram_rule)": "whole_pages(1 << 20)"}, "array_size"
    ),
    mutant(
        "a single call is timed",
        {"calls = 1;\n    for": "calls = 1;\n    return 1;\n    for", RETRY: ""},
        "timer",
    ),
    mutant("a clock of ten milliseconds", CLOCK_OF_10_MS, "timer"),
    mutant("kernels for a CPU of 2004", KERNELS_OF_2004, "blas_core"),
    mutant(
        "one thread by accident",
        {"openblas_set_num_threads(plan.cpus.count);": "openblas_set_num_threads(1);"},
        "team",
        threads="all",
        cpus=2,
    ),
]


@pytest.mark.parametrize("mutant", parameters(MUTANTS))
def test_mutant_is_caught(tmp_path: Path, mutant: Mutant) -> None:
    check_is_caught(mutant, tmp_path)
