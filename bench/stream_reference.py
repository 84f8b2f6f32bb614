"""Triad of this project on one thread beside likwid-bench (Debian's package likwid), in interleaved pairs.

Both run on the same CPU over three arrays of the same size, at least 80 MB each, on 4 KiB pages
(PR_SET_THP_DISABLE for both); the order changes from pair to pair. likwid's kernels `stream*` are the same
triad, a[i] = b[i] + s c[i], with plain stores, charged with the same 24 bytes per element, without
write-allocate; they are written in assembler and unrolled by hand. Every one of KERNELS that the machine
has is compared; the verdict is that of the kernel with the instructions our compiler chose, which objdump
tells (gcc without -march on x86-64: SSE).

What the two figures include: likwid-bench gives one, all its bytes by all its time, so a mean over every
iteration. With -i it does not warm up: its first iteration counts; its arrays have been written before. So
ours is all bytes by all seconds of triad's repetitions, the first too (the suite itself leaves that out);
our arrays have been written before as well, and between our triads lie copy, scale and add over the same
arrays. Our time holds fork and join of the team, likwid's one barrier in all. likwid divides cycles of the
time stamp counter by a rate that it measures anew in every process and that was up to 0.7 % wrong on a busy
machine: here the cycles are divided by the median of several such rates.

likwid lays its arrays at equal offsets in their pages, ours lie apart by OFFSET (kernels.h). The verdict is
on likwid as it comes; `+offset` is the same kernel with its arrays set apart as ours are: the harder
comparison. A pair counts when all other programs together took less than a tenth of one CPU meanwhile
(--others); the rest are printed and repeated, whatever their ratio.

    python bench/stream_reference.py [--pairs 11] [--minutes 15] [--others 0.1]

Exit status: 1 if the median ratio ours / likwid is below 0.99 for the verdict's kernel, 2 if there is none.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

SUITE = Path(__file__).resolve().parents[1] / "payloads" / "stream"
KERNELS = ("stream", "stream_sse", "stream_avx", "stream_neon")
# What the instructions of our triad say, widest first; none of them: scalar.
COMPILED_AS = ((r"%[yz]mm", "stream_avx"), (r"\bmulpd\b.*%xmm", "stream_sse"), (r"\.2d\b", "stream_neon"))
SHIFTED = "+offset"  # likwid's arrays as far apart, modulo pages, as ours
REPETITIONS = 20
CLOCKS = 5
QUIET = 0.1
LEAST_RATIO = 0.99
LEAST_PAIRS = 11
LEAST_ARRAY_BYTES = 80_000_000
PR_SET_THP_DISABLE = 41


class Unmeasured(Exception):
    """There are no two figures to compare."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=LEAST_PAIRS, help="pairs per kernel, at least 11")
    parser.add_argument("--minutes", type=float, default=15.0, help="how long to look for quiet pairs")
    parser.add_argument("--others", type=float, default=QUIET, help="CPUs that others may take in a pair")
    arguments = parser.parse_args()
    if arguments.pairs < LEAST_PAIRS:
        parser.error("a median of fewer than 11 pairs does not settle one per cent on a shared machine")
    try:
        need("likwid-bench", "likwid")
        need("objdump", "binutils")
        forbid_huge_pages()
        with tempfile.TemporaryDirectory(prefix="stream-reference-") as folder:
            return compare(build_ours(Path(folder)), arguments)
    except Unmeasured as error:
        print(f"no comparison: {error}", file=sys.stderr)
        return 2


def compare(ours: Path, arguments: argparse.Namespace) -> int:
    """Run the pairs and print them; the exit status."""
    pairs, quiet = arguments.pairs, arguments.others
    kernels, judge = kernels_here(), compiled_as(ours)
    if judge not in kernels:
        raise Unmeasured(
            f"likwid-bench has no kernel {judge} here, which our triad was compiled to; it has: {kernels}"
        )
    cpu, clock = likwid_cpu_and_clock(judge)
    _, array_bytes = run_ours(ours, cpu)
    if array_bytes < LEAST_ARRAY_BYTES:
        raise Unmeasured(f"arrays of {array_bytes} bytes")
    print(f"CPU        {cpu_model()}, CPU {cpu} of {os.cpu_count()}, Linux {platform.release()}")
    print(f"ours       {first_line('gcc', '--version')}: {' '.join(build_command())}")
    print(f"reference  {first_line('likwid-bench', '-v')}; its clock {clock / 1e6:.2f} MHz")
    print(
        f"arrays     3 of {array_bytes / 1e6:.1f} MB, {os.sysconf('SC_PAGESIZE')}-byte pages only, for both"
    )
    print(f"figures    GB/s of triad, mean over {REPETITIONS} passes with the first")
    print(f"counted    pairs in which other programs took less than {quiet:.0%} of a CPU\n")
    print("kernel             pair  first    ours  likwid  ratio  others", flush=True)
    ratios: dict[str, list[float]] = {kernel: [] for kernel in (*kernels, judge + SHIFTED)}
    ends = time.monotonic() + 60 * arguments.minutes
    while kernel := min(ratios, key=lambda name: len(ratios[name])):
        done = len(ratios[kernel])
        if done == pairs:
            break
        before = wait_for_quiet(quiet, ends, done)
        if done % 2 == 0:
            mine = run_ours(ours, cpu)[0]
            theirs = run_likwid(kernel, cpu, clock, array_bytes)
        else:
            theirs = run_likwid(kernel, cpu, clock, array_bytes)
            mine = run_ours(ours, cpu)[0]
        others = share_of_others(before)
        if others < quiet:
            ratios[kernel].append(mine / theirs)
        print(
            f"{kernel:17}  {done + 1:4}  {'likwid' if done % 2 else 'ours':6}  {mine:5.2f}  {theirs:6.2f}"
            f"  {mine / theirs:5.3f}  {others:5.1%}{'' if others < quiet else '  does not count'}",
            flush=True,
        )
    print(f"\nkernel             median of {pairs}  least  greatest")
    for kernel, values in ratios.items():
        verdict = "   as ours is compiled: decides" if kernel == judge else ""
        middle = statistics.median(values)
        print(f"{kernel:17}  {middle:12.3f}  {min(values):.3f}     {max(values):.3f}{verdict}")
    median = statistics.median(ratios[judge])
    print(f"\ntriad, one thread, ours / likwid's {judge}: {median:.3f}, at least {LEAST_RATIO} is asked for")
    return 0 if median >= LEAST_RATIO else 1


def need(program: str, package: str) -> None:
    if not shutil.which(program):
        raise Unmeasured(f"{program} is missing (Debian, Ubuntu: apt-get install {package})")


def forbid_huge_pages() -> None:
    """For this process and all that it starts from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_THP_DISABLE")


# ---- ours


def build_command() -> list[str]:
    command: list[str] = tomllib.loads((SUITE / "payload.toml").read_text())["build"]["commands"][0]
    return command


def build_ours(folder: Path) -> Path:
    shutil.copytree(SUITE, folder / "suites" / "stream")
    shutil.copytree(SUITE.parent / "common", folder / "suites" / "common")
    subprocess.run(build_command(), cwd=folder / "suites" / "stream", check=True)
    return folder / "suites" / "stream" / "stream"


def offset_of_ours() -> int:
    """Elements between the end of an array and the next one."""
    found = re.search(r"\bOFFSET = (\d+);", (SUITE / "kernels.h").read_text())
    if not found:
        raise Unmeasured("kernels.h has no OFFSET")
    return int(found[1])


def compiled_as(ours: Path) -> str:
    """likwid's name for the instructions of our triad."""
    code = output("objdump", "-d", "--no-show-raw-insn", "--disassemble=triad", str(ours))
    if "<triad>:" not in code:
        raise Unmeasured("the binary has no function triad to look at")
    return next((kernel for pattern, kernel in COMPILED_AS if re.search(pattern, code)), "stream")


def run_ours(binary: Path, cpu: int) -> tuple[float, int]:
    """GB/s of triad, all bytes by all seconds, and the bytes of one array."""
    options = ["--threads", "one", "--repetitions", str(REPETITIONS), "--processes", "1", "--pages", "small"]
    records = [json.loads(line) for line in output(*on(cpu), str(binary), *options).splitlines()]
    failed = [record for record in records if record.get("ok") is False]
    passes = [record for record in records if record.get("sample") == "triad.one"]
    facts = {record["fact"]: record["value"] for record in records if "fact" in record}
    if failed or len(passes) != REPETITIONS or facts["process.one.0"]["huge_page_bytes"]:
        raise Unmeasured(f"ours: not measured, or not as asked: {failed or records}")
    seconds = sum(record["seconds"] for record in passes)
    array_bytes: int = facts["run.one"]["array_bytes"]
    if any(record["bytes"] != 3 * array_bytes for record in passes):
        raise Unmeasured("ours: not 24 bytes per element")
    return sum(record["bytes"] for record in passes) / seconds / 1e9, array_bytes


# ---- likwid-bench


def kernels_here() -> list[str]:
    """Those of KERNELS that likwid-bench has and this CPU can run."""
    names = {line.partition(" - ")[0] for line in output("likwid-bench", "-a").splitlines()}
    avx = re.search(r"(?m)^flags\s*:.*\bavx\b", Path("/proc/cpuinfo").read_text())
    return [kernel for kernel in KERNELS if kernel in names and (avx or kernel != "stream_avx")]


def likwid_cpu_and_clock(kernel: str) -> tuple[int, float]:
    """The CPU it binds its one thread to, and the median of several of its measurements of the clock."""
    texts = [output("likwid-bench", "-t", kernel, "-i", "1", "-w", "S0:3MB:1") for _ in range(CLOCKS)]
    return int(field(texts[0], "running on hwthread")), statistics.median(
        field(t, "Cycle Clock:") for t in texts
    )


def run_likwid(kernel: str, cpu: int, clock: float, array_bytes: int) -> float:
    """GB/s, all bytes by all seconds."""
    work = f"S0:{3 * array_bytes}B:1"
    if kernel.endswith(SHIFTED):
        work += "-" + ",".join(f"{stream}:S0:{stream * offset_of_ours()}" for stream in range(3))
    name = kernel.removesuffix(SHIFTED)
    text = output(*on(cpu), "likwid-bench", "-t", name, "-i", str(REPETITIONS), "-w", work)
    volume = field(text, "Data volume (Byte):")
    if volume != REPETITIONS * 3 * array_bytes or field(text, "running on hwthread") != cpu:
        raise Unmeasured(f"likwid-bench: not our arrays, bytes or CPU:\n{text}")
    return volume / (field(text, "Cycles:") / clock) / 1e9


def field(text: str, name: str) -> float:
    found = re.search(rf"{re.escape(name)}\s+(\d+)", text)
    if not found:
        raise Unmeasured(f"likwid-bench said nothing of «{name}»:\n{text}")
    return float(found[1])


# ---- the machine


def cpu_seconds() -> tuple[float, float, float]:
    """The time, CPU seconds of all programs, CPU seconds of this one and its children."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    busy = (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
    return time.monotonic(), busy, sum(os.times()[:4])


def share_of_others(before: tuple[float, float, float]) -> float:
    """CPUs that other programs (or, stolen, other guests) were busy on since then."""
    wall, busy, own = (now - then for now, then in zip(cpu_seconds(), before, strict=True))
    return max(0.0, busy - own) / wall


def wait_for_quiet(quiet: float, ends: float, done: int) -> tuple[float, float, float]:
    while time.monotonic() < ends:
        before = cpu_seconds()
        time.sleep(0.5)
        if share_of_others(before) < quiet:
            return cpu_seconds()
    raise Unmeasured(f"other programs were running: {done} quiet pairs in the time given")


def on(cpu: int) -> list[str]:
    return ["taskset", "-c", str(cpu)]


def output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unmeasured(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def first_line(*command: str) -> str:
    return output(*command).splitlines()[0]


def cpu_model() -> str:
    found = re.search(r"(?m)^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
