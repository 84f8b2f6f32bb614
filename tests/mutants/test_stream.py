"""STREAM broken on purpose."""

from pathlib import Path

import pytest

from tests.mutants.harness import Mutant, check_is_caught, parameters

ONE = ("./stream", "--threads", "one", "--repetitions", "3", "--sysfs", "{sysfs}")
ALL = ("./stream", "--threads", "all", "--repetitions", "3", "--sysfs", "{sysfs}")

LOOP = "for (size_t i = low; i < high; i++) a[i] = b[i] + SCALAR * c[i];"
PASS = "static double pass(enum kernel kernel, const struct arrays *v, int threads, int part) {"
NOW = "return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;"
MUTANTS = [
    Mutant(
        "stream",
        "half the array",
        {LOOP: LOOP.replace("i < high", "i < low + (high - low) / 2")},
        ONE,
        "array_a.one",
    ),
    Mutant(
        "stream",
        "triad never runs",
        {"if (kernel == TRIAD)": "if (kernel == TRIAD && v->n == 0)"},
        ONE,
        "array_a.one",
    ),
    Mutant(
        "stream",
        "scale by another constant",
        {"b[i] = SCALAR * c[i];": "b[i] = 3.0000001 * c[i];"},
        ONE,
        "array_b.one",
    ),
    Mutant(
        "stream",
        "add that reads one array",
        {"c[i] = a[i] + b[i];": "c[i] = a[i] + a[i];"},
        ONE,
        "array_c.one",
    ),
    Mutant(
        "stream",
        "a comparison NaN passes",
        {"return error < EPSILON;": "return !(error >= EPSILON);"},
        ONE,
        "nan_is_seen.one",
    ),
    Mutant(
        "stream",
        "arrays that fit a cache",
        {"whole_pages(run.required_bytes)": "whole_pages(1 << 20)"},
        ONE,
        "array_size.one",
    ),
    Mutant(
        "stream",
        "halves as fast as from a cache",
        {
            "if (part == 1) r.high = middle;": "if (part == 1) r.high = r.low + (middle - r.low) / 16;",
            "if (part == 2) r.low = middle;": "if (part == 2) r.low = r.high - (r.high - middle) / 16;",
        },
        ONE,
        "n_against_2n.one",
    ),
    Mutant(
        "stream",
        "a clock of whole seconds",
        {NOW: "return (double)t.tv_sec;", "STEPS = 64,": "STEPS = 1,"},
        ONE,
        "timer.one",
    ),
    Mutant("stream", "one thread by accident", {PASS: PASS + " threads = 1;"}, ALL, "team.all", cpus=2),
    Mutant(
        "stream",
        "all threads on one CPU",
        {"pin_thread(cpus->cpu[omp_get_thread_num()])": "pin_thread(cpus->cpu[0])"},
        ALL,
        "binding.all",
        cpus=2,
    ),
]


@pytest.mark.parametrize("mutant", parameters(MUTANTS))
def test_mutant_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    check_is_caught(mutant, tmp_path)
