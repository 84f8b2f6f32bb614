"""STREAM broken on purpose."""

from pathlib import Path

import pytest

from tests.mutants.harness import NOW, Mutant, check_is_caught, parameters
from tests.payloads.kernels import fake_sysfs

ONE = ("./stream", "--threads", "one", "--repetitions", "3", "--sysfs", "{sysfs}")
ALL = ("./stream", "--threads", "all", "--repetitions", "3", "--sysfs", "{sysfs}")

NT = (*ONE[:3], "--stores", "nt", *ONE[3:])
SMALL_PAGES = (*ONE[:3], "--pages", "small", *ONE[3:])
TWICE = ("./stream", "--threads", "one", "--twice", "--sysfs", "{sysfs}")

LOOP = "for (size_t i = low; i < high; i++) a[i] = b[i] + SCALAR * c[i];"
PASS = "static double pass(kernel_function kernel, const struct arrays *v, int threads, int part) {"


def two_nodes(root: Path) -> Path:
    """As if there were two NUMA nodes: pages are looked up, and all lie on the one that there is."""
    node = fake_sysfs(root) / "devices" / "system" / "node"
    node.mkdir()
    (node / "has_memory").write_text("0-1\n")
    return root


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
        "the loop was optimised away",
        {LOOP: "(void)a, (void)b, (void)c, (void)low, (void)high;"},
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
        TWICE,
        "n_against_2n.one",
    ),
    Mutant(
        "stream",
        "a clock of whole seconds",
        {NOW: "return (double)t.tv_sec;", "STEPS = 64,": "STEPS = 1,"},
        ONE,
        "timer.one",
    ),
    Mutant(
        "stream",
        "the write-allocate read is counted",
        {"{16, 16, 24, 24}": "{24, 24, 32, 32}"},
        ONE,
        "bytes.one",
    ),
    Mutant(
        "stream",
        "a tolerance that lets single precision pass",
        {"a[i] = b[i] + SCALAR * c[i];": "a[i] = (float)(b[i] + SCALAR * c[i] * 1.0000001);"},
        ONE,
        "array_a.one",
    ),
    Mutant(
        "stream",
        "non-temporal stores mixed in: the table",
        {"{{copy, scale, add, triad},": "{{copy_nt, scale, add, triad},"},
        ONE,
        "stores.one",
    ),
    Mutant(
        "stream",
        "non-temporal stores mixed in: the code",
        {
            "#include <omp.h>": "#include <omp.h>\n#include <emmintrin.h>",
            "for (size_t i = low; i < high; i++) c[i] = a[i] + b[i];": (
                "for (size_t i = low; i < high; i += 2) _mm_stream_pd(c + i, "
                "_mm_add_pd(_mm_loadu_pd(a + i), _mm_loadu_pd(b + i)));"
            ),
        },
        ONE,
        "stores.one",
        machine="x86_64",
    ),
    Mutant(
        "stream",
        "plain stores under the non-temporal name",
        {
            "_mm_stream_pd(to, first);": "_mm_storeu_pd(to, first);",
            "_mm_stream_pd(to + 2, second);": "_mm_storeu_pd(to + 2, second);",
        },
        NT,
        "stores_nt.one",
        machine="x86_64",
    ),
    Mutant(
        "stream",
        "huge pages asked for and not got",
        {"pages == PAGES_HUGE ? MADV_HUGEPAGE": "pages != pages ? MADV_HUGEPAGE"},
        ONE,
        "pages.one",
    ),
    Mutant(
        "stream",
        "huge pages where small ones were asked for",
        {"MADV_HUGEPAGE : MADV_NOHUGEPAGE": "MADV_HUGEPAGE : MADV_HUGEPAGE"},
        SMALL_PAGES,
        "pages_4k.one",
    ),
    Mutant(
        "stream",
        "pages on another node than their thread",
        {"here = node_of_this_cpu();": "here = node_of_this_cpu() + 1;"},
        ONE,
        "first_touch.one",
        sysfs=two_nodes,
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
