"""The cache suite broken on purpose."""

from pathlib import Path

import pytest

from tests.mutants.harness import NOW, Mutant, check_is_caught, parameters
from tests.payloads.kernels import CPUS, fake_sysfs, three_levels


def three_caches(root: Path) -> Path:
    """Caches that every core has, so that sizes are the same on every machine."""
    shared = f"{CPUS[0]}-{CPUS[-1]}"
    return fake_sysfs(root, caches={cpu: three_levels(cpu, "1024K", shared, "256K", "32K") for cpu in CPUS})


def broken(
    name: str, replacements: dict[str, str], run: tuple[str, ...], check: str, cpus: int = 1
) -> Mutant:
    """A mutant of this suite."""
    return Mutant("cache", name, replacements, run, check, cpus=cpus, sysfs=three_caches)


OPTIONS = ("--windows", "3", "--window-ms", "5", "--sysfs", "{sysfs}")
HUGE = ("./cache", "levels", "--pages", "2m", *OPTIONS)
SMALL = ("./cache", "levels", "--pages", "4k", *OPTIONS)
READ = ("./cache", "read", *OPTIONS)
# Many short windows, of which the best counts, whatever else runs.
READ_SHORT = ("./cache", "read", "--windows", "32", "--window-ms", "0.2", "--sysfs", "{sysfs}")
TRANSFER = ("./cache", "transfer", *OPTIONS)
LOAD = "line = line->next, line = line->next, line = line->next, line = line->next;\n"
LAID_OUT = "    if (plan->paged) make_paged(&ring, most);\n    else make_random(&ring);\n"
CHASE = "    *line = chase(*line, steps);\n"
FIRST_LOADS = f"i += UNROLLED) {{\n        {LOAD}"

MUTANTS = [
    broken(
        "sequential instead of random",
        {LAID_OUT: "    make_sequential(&ring);\n"},
        HUGE,
        "random.2m",
    ),
    broken(
        "several cycles instead of one",
        {"order[i + 1 < lines ? i + 1 : 0]": "order[(i + 1) % 64 ? i + 1 : i - 63]"},
        HUGE,
        "cycle.2m",
    ),
    broken(
        "two cycles instead of one",
        {
            "/* The control: the order": (
                "static void split(const struct ring *ring) {\n"
                "    struct line *a = line_at(ring, 0), *b = line_at(ring, 99), *next = a->next;\n"
                "    a->next = b->next, b->next = next;\n}\n\n/* The control: the order"
            ),
            LAID_OUT: "    make_random(&ring), split(&ring);\n",
        },
        HUGE,
        "cycle.2m",
    ),
    broken(
        "the result of the chase is not consumed",
        {CHASE + "    double seconds": "    (void)chase(*line, steps);\n    double seconds"},
        HUGE,
        "consumed.2m",
    ),
    broken(
        "a quarter of the loads is left out",
        {FIRST_LOADS: "i += UNROLLED) {\n"},
        HUGE,
        "consumed.2m",
    ),
    broken(
        "a ring that fits the cache",
        {"plan->bytes[DRAM] = ((rule": "plan->bytes[DRAM] = 65536 + 0 * ((rule"},
        HUGE,
        "random.2m",
    ),
    broken(
        "memory of less than four times the cache",
        {"plan->bytes[DRAM] = ((rule": "plan->bytes[DRAM] = (64u << 20) + 0 * ((rule"},
        HUGE,
        "size.2m",
    ),
    broken(
        "huge pages asked for and not got",
        {"pages == PAGES_HUGE ? MADV_HUGEPAGE": "pages != pages ? MADV_HUGEPAGE"},
        HUGE,
        "pages.2m",
    ),
    broken(
        "huge pages where small ones were asked for",
        {"MADV_HUGEPAGE : MADV_NOHUGEPAGE": "MADV_HUGEPAGE : MADV_HUGEPAGE"},
        SMALL,
        "pages.4k",
    ),
    broken(
        "a clock that counts half of the additions",
        {"(double)(blocks * ADDITIONS) / took": "(double)(blocks * ADDITIONS / 2) / took"},
        HUGE,
        "clock.2m",
    ),
    broken(
        "a clock whose additions are not dependent",
        {"#define FOUR(x) x x x x": '#define FOUR(x) x "nop\\n\\t"'},
        HUGE,
        "clock.2m",
    ),
    broken(
        "a clock of whole seconds",
        {
            NOW: "return (double)t.tv_sec + 0.25 * (double)(t.tv_nsec / 250000000);",
            "STEPS = 64,": "STEPS = 1,",
        },
        TRANSFER,
        "timer.transfer",
        cpus=2,
    ),
    broken("half of the buffer is read", {"+ bytes);": "+ bytes / 2);"}, READ, "sum.read"),
    broken(
        "twice the bytes are charged",
        {
            "double read = (double)(bytes": "double read = (double)(2 * bytes",
            "ones * sizeof *words == 3 * bytes": "ones * sizeof *words == 3 * 2 * bytes",
        },
        READ,
        "bytes.read",
    ),
    broken(
        "one pass for all: the rest optimised away",
        {"pass < passes; pass++": "pass < 1; pass++"},
        READ,
        "sum.read",
    ),
    broken(
        "memory that fits the cache, read",
        {"plan->bytes[DRAM] = ((rule": "plan->bytes[DRAM] = 16384 + 0 * ((rule"},
        READ_SHORT,
        "falling.read",
    ),
    broken(
        "memory of less than four times the cache, read",
        {"plan->bytes[DRAM] = ((rule": "plan->bytes[DRAM] = (64u << 20) + 0 * ((rule"},
        READ,
        "size.read",
    ),
    broken(
        "a line that never leaves its CPU",
        {"pin_thread(table->cpu)": "pin_thread(sched_getcpu())"},
        TRANSFER,
        "pair.transfer",
        cpus=2,
    ),
    broken(
        "half of the round trips",
        {
            "table.rounds = rounds + 1;": "table.rounds = rounds / 2 + 1;",
            "i <= rounds; i++": "i <= rounds / 2; i++",
        },
        TRANSFER,
        "turns.transfer",
        cpus=2,
    ),
    broken(
        "a thread that was not bound",
        {'    if (!pin_thread(plan.cpus.cpu[0])) die("sched_setaffinity");\n': ""},
        HUGE,
        "binding.2m",
        cpus=2,
    ),
]


@pytest.mark.parametrize("mutant", parameters(MUTANTS))
def test_mutant_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    check_is_caught(mutant, tmp_path)
