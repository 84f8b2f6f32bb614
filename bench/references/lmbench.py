"""lat_mem_rd -t of lmbench (Debian's non-free package): a chase through pages and lines in random order.

A developer's tool, as the distribution built it, unmodified and pinned by hash: no suite installs it and
nothing of it is shipped. Its licence allows results of unmodified programs alone, with their version
named.

lat_mem_rd goes through all sizes from 512 bytes to the one asked for, 2^k and 1.5 x 2^k; our suite's curve
has the same. Both chase on base pages with a stride of one line over the same bytes, for at least
WINDOW_MS at a time, and report the best of WINDOWS such times. One run of each gives all rows of a
comparison.

lat_mem_rd goes from page to page, drawn from all of its memory, in the same order of pages each time and
with one order of lines for all of them; the suite's curve is one random cycle through all lines. What an
order costs is no property of either program: ours is judged in lat_mem_rd's (`--order paged`), and the
suite's own is shown beside it.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

from bench.quiet import Unmeasured, on, output
from bench.references.debian import package
from bench.references.pairs import Comparison, Row
from bench.references.suites import built, records, samples

SHA256 = "735df59369215cee41c82c9f18aa9153f3cae106f0604be8a0cc17c18c73f51d"  # 3.0-a9+debian.1-6, amd64
VERSION = "3.0-a9+debian.1-6"
RELEASE = "bookworm"
#: Orders of our chase, and what its figures are called in each.
ORDERS = {"paged": "paged", "random": "curve"}
JUDGED = "paged"
WINDOWS = 3
WINDOW_MS = 100  # lat_mem_rd times no less at once
WITHIN = 0.05
UNITS = {30: "GiB", 20: "MiB", 10: "KiB"}
NEAR = ("L1", "L2")
NEAR_PAIRS = 2
LEAST_MEMORY = 128 << 20
MOST_MEMORY = 512 << 20  # 1 GiB takes each program a minute and a half in each pair
#: lmbench measures these constants of its clock in every process, for seconds, unless it is told them.
SETTINGS = {"ENOUGH": str(1000 * WINDOW_MS), "TIMING_O": "0", "LOOP_O": "0"}

Sizes = list[tuple[str, int]]


def comparisons() -> Iterator[Comparison]:
    """On the CPU the suite measures, the first usable one: what fits the second cache, and what does not.

    The first take a third of the time of the others, so there are more pairs of them: a core's caches have a
    neighbour where its other thread is another guest's, and the far end of the second one needs most of it.
    """
    if platform.machine() != "x86_64":
        raise Unmeasured(f"lmbench is pinned for x86_64, this is {platform.machine()}")
    program = next(package("lmbench", "non-free", RELEASE, SHA256).rglob("lat_mem_rd"))
    folder = built("cache")
    cpu = min(os.sched_getaffinity(0))
    every = sizes()
    near = [each for each in every if each[0].startswith(NEAR)]
    far = [each for each in every if each not in near]
    for chosen, pairs_each in ((near, NEAR_PAIRS), (far, 1)):
        yield of_sizes(program, folder, cpu, chosen, pairs_each)


def of_sizes(program: Path, folder: Path, cpu: int, chosen: Sizes, pairs_each: int) -> Comparison:
    """One run of each program gives all of the sizes."""
    return Comparison(
        rows=tuple(
            Row(
                f"chase {level}, {size_name(size)}{'' if order == JUDGED else ', random'}",
                f"lat_mem_rd -t, lmbench {VERSION}",
                "ns",
                least=1 - WITHIN,
                greatest=1 + WITHIN,
                judged=order == JUDGED,
                higher_is_better=False,
            )
            for order in ORDERS
            for level, size in chosen
        ),
        conditions=f"CPU {cpu}, base pages, stride of a line, best of {WINDOWS} times of {WINDOW_MS} ms",
        ours=lambda: [best for order in ORDERS for best in ours(folder, cpu, order, chosen)],
        theirs=lambda: len(ORDERS) * theirs(program, cpu, chosen),
        pairs_each=pairs_each,
    )


def sizes() -> Sizes:
    """Level and bytes, from what sysfs claims; all are powers of two."""
    claimed = {}
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        told = {name: (index / name).read_text().strip() for name in ("level", "type", "size")}
        if told["type"] != "Instruction":
            claimed[int(told["level"])] = 1024 * int(told["size"].rstrip("K"))
    if not {1, 2, 3} <= set(claimed):
        raise Unmeasured(f"sysfs tells of caches of the levels {sorted(claimed)}, not of three")
    memory = min(max(2 * claimed[3], LEAST_MEMORY), MOST_MEMORY)
    return [
        ("L1", power_of_two(claimed[1] // 2)),
        ("L2", power_of_two(claimed[2] // 4)),
        ("L2, far end", power_of_two(claimed[2] // 2)),
        ("L3", power_of_two(claimed[3] // 8)),
        ("DRAM", power_of_two(2 * memory - 1)),
    ]


def power_of_two(most: int) -> int:
    return 1 << (most.bit_length() - 1)


def size_name(size: int) -> str:
    """As the suite's curve names it."""
    unit = next(unit for unit in UNITS if size % (1 << unit) == 0)
    return f"{size >> unit} {UNITS[unit]}"


def ours(folder: Path, cpu: int, order: str, chosen: Sizes) -> list[float]:
    """The best window at each size, in ns."""
    options = ["--order", order, "--pages", "4k", "--windows", str(WINDOWS), "--window-ms", str(WINDOW_MS)]
    options += ["--up-to", str(max(size for _, size in chosen))]
    found = records(folder, "./cache", "curve", *options, before=tuple(on(cpu)))
    best = []
    for _, size in chosen:
        windows = samples(found, f"{ORDERS[order]}.4k.{size_name(size).replace(' ', '')}")
        if len(windows) != WINDOWS or any(window["bytes"] != size for window in windows):
            raise Unmeasured(f"ours: not {WINDOWS} windows of {size} bytes: {windows}")
        best.append(min(float(window["value"]) for window in windows))
    return best


def theirs(program: Path, cpu: int, chosen: Sizes) -> list[float]:
    """What lat_mem_rd prints (on standard error) for each size, in ns."""
    options = ["-t", "-N", str(WINDOWS), str(max(size for _, size in chosen) >> 20), "64"]
    text = output(*on(cpu), str(program), *options, also=SETTINGS, both=True)
    printed = dict(re.findall(r"(?m)^(\d+\.\d{5}) (\d+\.\d+)$", text))
    try:
        return [float(printed[f"{size / 2**20:.5f}"]) for _, size in chosen]
    except KeyError as error:
        raise Unmeasured(f"lat_mem_rd printed no size {error}:\n{text}") from error
