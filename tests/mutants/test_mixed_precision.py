"""Peaks and dense algebra broken on purpose."""

import platform
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mutants.harness import CLOCK_OF_10_MS, KERNELS_OF_2004, Mutant, check_is_caught, parameters

x86_64 = platform.machine() == "x86_64"


OF_DENSE_ALGEBRA = (
    "dgemm",
    "sgemm",
    "dgesv",
    "dsgesv",
    "refined",
    "error_is_seen",
    "team_blas",
    "peak_above",
)


def mutant(
    name: str,
    change: dict[str, str] | Callable[[Path], None],
    check: str,
    *,
    threads: str = "one",
    cpus: int = 1,
) -> Mutant:
    """Run with one batch, and dense algebra only where a check needs it."""
    sizes = ("--gemm", "2000", "--solve", "3000") if check.startswith(OF_DENSE_ALGEBRA) else ()
    run = ("./mixed_precision", "--threads", threads, "--batches", "1", "--sysfs", "{sysfs}", *sizes)
    return Mutant(
        "mixed_precision", name, change, run, f"{check}.{threads}", cpus=cpus, programs=("objdump",)
    )


def emulate_half_precision(suite: Path) -> None:
    """Half precision by a type of the compiler's, on any CPU: gcc takes it without a word and converts."""
    file = suite / "fma.h"
    text = file.read_text()
    text, found = re.subn(r'STEP\("(vfmadd231ph|fmla %0\.8h[^"]*)", i\)', "HALF(i)", text)
    assert found == 2
    half = (
        "#define HALF(i) { typedef _Float16 half __attribute__((vector_size(sizeof(vector)), may_alias));"
        " a##i = (vector)((half)a##i + (half)x * (half)y); }\n"
    )
    start = text.index("#define LOAD(i)")
    text = text[:start] + half + text[start:]
    file.write_text(text.replace('"avx512_fp16", "fma_fp16', '"fma", "fma_fp16'))


def keep_accumulators_in_memory(suite: Path) -> None:
    """What gcc does of an array of accumulators."""
    file = suite / "fma.h"
    text = file.read_text()
    assert text.count("ALL(FMA);") == 1
    spilled = 'ALL(FMA); ALL(STORE); __asm__ volatile("" : : : "memory"); ALL(AGAIN);'
    text = text.replace("ALL(FMA);", spilled)
    start = text.index("#define LOAD(i)")
    file.write_text(text[:start] + "#define AGAIN(i) a##i = accumulator[i]\n" + text[start:])


REPEAT = "if (b.seconds < SHORTEST_SECONDS && !plan->most_iterations) {"
COUNT = "b.flops += 2.0 * (double)iterations"
TABLE = '"vfmadd231pd", "%ymm", 256, 12, 4' if x86_64 else '"fmla", ".2d", 128, 24, 2'
DOUBLE_LANES = '"vfmadd231pd", "%ymm", 256, 12, 8' if x86_64 else '"fmla", ".2d", 128, 24, 4'
SMALL_FACTORS = "s.a[i] = uniform(((uint64_t)4 << 40) + i) - 0.5;"
MUTANTS = [
    mutant("each multiply-add counted twice", {COUNT: COUNT.replace("2.0", "4.0")}, "products_fp64"),
    mutant("half precision emulated", emulate_half_precision, "native_fp16"),
    mutant("half precision emulated, by its rate", emulate_half_precision, "fp16_above_fp32"),
    mutant("accumulators in memory", keep_accumulators_in_memory, "integer_fp64"),
    mutant("accumulators in memory, by the rate", keep_accumulators_in_memory, "peak_above_dgemm"),
    mutant("twice the lanes", {TABLE: DOUBLE_LANES}, "products_fp64"),
    mutant(
        "every other pass of the loop",
        {"iterations; iterations--)": "iterations > 1; iterations -= 2)"},
        "products_fp64",
    ),
    mutant("two multiply-adds left out", {"DO(9); DO(10); DO(11)": "DO(9)"}, "products_fp64"),
    mutant(
        "product of half the matrix",
        {"cblas_dgemm(order, no, no, n, n, n,": "cblas_dgemm(order, no, no, n, n, n / 2,"},
        "dgemm.2000",
    ),
    mutant(
        "half the columns of the product",
        {"cblas_sgemm(order, no, no, n, n, n,": "cblas_sgemm(order, no, no, n, n / 2, n,"},
        "sgemm.2000",
    ),
    mutant(
        "refinement given up", {SMALL_FACTORS: SMALL_FACTORS.replace("- 0.5;", "* 1e60;")}, "refined.3000"
    ),
    mutant(
        "a solution wrong by a millionth",
        {"double error = info": "s->x[0] *= 1.000001;\n    double error = info"},
        "dsgesv.3000",
    ),
    mutant(
        "epsilon of single precision for all",
        {"(a->is_single ? (double)FLT_EPSILON : DBL_EPSILON) / 2": "FLT_EPSILON / 2"},
        "error_is_seen",
    ),
    mutant(
        "epsilon of single precision in the residual",
        {"worst / (DBL_EPSILON / 2": "worst / (FLT_EPSILON / 2"},
        "error_is_seen",
    ),
    mutant(
        "batches of microseconds",
        {"CALIBRATED_SECONDS = 7e-3": "CALIBRATED_SECONDS = 1e-5", REPEAT: "if (false) {"},
        "timer",
    ),
    mutant("a clock of ten milliseconds", CLOCK_OF_10_MS, "timer"),
    mutant("kernels for a CPU of 2004", KERNELS_OF_2004, "blas_core"),
    mutant(
        "all threads on one CPU", {"pin_thread(w->cpu)": "pin_thread(0)"}, "team_fp64", threads="all", cpus=2
    ),
    mutant(
        "one thread by accident",
        {"openblas_set_num_threads(cpus.count);": "openblas_set_num_threads(1);"},
        "team_blas",
        threads="all",
        cpus=2,
    ),
]


@pytest.mark.parametrize("mutant", parameters(MUTANTS))
def test_mutant_is_caught(tmp_path: Path, mutant: Mutant) -> None:
    check_is_caught(mutant, tmp_path)
