"""Triad of this project on one thread beside likwid-bench (package likwid), in interleaved pairs.

Both run on the same CPU over three arrays of the same size, at least 80 MB each, on 4 KiB pages
(PR_SET_THP_DISABLE for both); the order changes from pair to pair. likwid's kernels `stream*` are the same
triad, a[i] = b[i] + s c[i], with plain stores, charged with the same 24 bytes per element, without
write-allocate; they are written in assembler.

What the two figures include: likwid-bench gives one, all its bytes by all its time, so a mean over every
iteration. With -i it does not warm up: its first iteration counts; its arrays have been written before. So
ours is all bytes by all seconds of triad's repetitions, the first too (the suite itself leaves that out);
our arrays have been written before as well, and between our triads lie copy, scale and add over the same
arrays. Our time holds fork and join of the team, likwid's one barrier in all.

likwid lays its arrays at equal offsets in their pages, ours lie apart by OFFSET (kernels.h). The verdict is
on likwid as it comes; `+offset` is the same kernel with its arrays set apart as ours are: the harder
comparison.

    python bench/stream_reference.py [--pairs 11] [--minutes 15]     as `bench/payloads.py stream`
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.quiet import Unmeasured, need, on, output
from bench.references.likwid import Likwid, field
from bench.references.pairs import Comparison, Row
from bench.references.suites import PAYLOADS, built, facts, records

# What the instructions of our triad say, widest first; none of them: scalar.
COMPILED_AS = ((r"%[yz]mm", "stream_avx"), (r"\bmulpd\b.*%xmm", "stream_sse"), (r"\.2d\b", "stream_neon"))
SHIFTED = "+offset"  # likwid's arrays as far apart, modulo pages, as ours
PASSES = 6
TURNS = 3
LONG_ARRAY_BYTES = 500_000_000  # from here a run takes ten seconds, and several a minute
LEAST_RATIO = 0.99
LEAST_ARRAY_BYTES = 80_000_000
SIZE_WITHIN = 1e-5  # likwid rounds down to 1000 bytes, then to whole turns of its loop; of 240 MB at least


def comparisons() -> Iterator[Comparison]:
    """The kernel of likwid-bench that ours was compiled to, and the same with our offsets, not judged."""
    need("objdump", "binutils")
    likwid = Likwid.here()
    folder = built("stream")
    judge = compiled_as(folder / "stream")
    if not likwid.runs(judge):
        raise Unmeasured(f"likwid-bench has no kernel {judge} here, which our triad was compiled to")
    _, array_bytes = triad(folder, likwid.cpu)
    if array_bytes < LEAST_ARRAY_BYTES:
        raise Unmeasured(f"arrays of {array_bytes} bytes")
    kernels = (judge, judge + SHIFTED)
    yield Comparison(
        rows=tuple(
            Row(
                f"stream triad, {kernel.removeprefix('stream_')}",
                f"likwid-bench {kernel}",
                "GB/s",
                least=LEAST_RATIO,
                judged=kernel == judge,
            )
            for kernel in kernels
        ),
        conditions=f"CPU {likwid.cpu}, 3 arrays of {array_bytes / 1e6:.1f} MB, base pages,"
        f" mean over {PASSES} passes with the first; {likwid.version},"
        f" counter at {likwid.counter_hz / 1e6:.2f} MHz",
        ours=lambda: len(kernels) * [triad(folder, likwid.cpu)[0]],
        theirs=lambda: [likwid_triad(likwid, kernel, array_bytes) for kernel in kernels],
        turns=TURNS if array_bytes < LONG_ARRAY_BYTES else 1,
    )


def compiled_as(ours: Path) -> str:
    """likwid's name for the instructions of our triad."""
    code = output("objdump", "-d", "--no-show-raw-insn", "--disassemble=triad", str(ours))
    if "<triad>:" not in code:
        raise Unmeasured("the binary has no function triad to look at")
    return next((kernel for pattern, kernel in COMPILED_AS if re.search(pattern, code)), "stream")


def offset_of_ours() -> int:
    """Elements between the end of an array and the next one."""
    found = re.search(r"\bOFFSET = (\d+);", (PAYLOADS / "stream" / "kernels.h").read_text())
    if not found:
        raise Unmeasured("kernels.h has no OFFSET")
    return int(found[1])


def triad(folder: Path, cpu: int) -> tuple[float, int]:
    """GB/s of our triad, all bytes by all seconds, and the bytes of one array."""
    options = ["--threads", "one", "--repetitions", str(PASSES), "--pages", "small"]
    found = records(folder, "./stream", *options, before=tuple(on(cpu)))
    passes = [record for record in found if record.get("sample") == "triad_4k.one"]
    told = facts(found)
    if len(passes) != PASSES:  # small pages: the check pages_4k.one
        raise Unmeasured(f"ours: not measured, or not as asked: {found}")
    seconds = sum(record["seconds"] for record in passes)
    array_bytes: int = told["run_4k.one"]["array_bytes"]
    if any(record["bytes"] != 3 * array_bytes for record in passes):
        raise Unmeasured("ours: not 24 bytes per element")
    return sum(record["bytes"] for record in passes) / seconds / 1e9, array_bytes


def likwid_triad(likwid: Likwid, kernel: str, array_bytes: int) -> float:
    """GB/s of likwid's triad, all bytes by all seconds."""
    work = f"S0:{3 * array_bytes // 1000}kB:1"  # it reads no number beyond 2^31
    if kernel.endswith(SHIFTED):
        work += "-" + ",".join(f"{stream}:S0:{stream * offset_of_ours()}" for stream in range(3))
    text, seconds = likwid.run(kernel.removesuffix(SHIFTED), work, PASSES)
    volume = field(text, "Data volume (Byte):")
    asked = PASSES * 3 * array_bytes
    if not (1 - SIZE_WITHIN) * asked <= volume <= asked:
        raise Unmeasured(f"likwid-bench: not our arrays or bytes:\n{text}")
    return volume / seconds / 1e9


if __name__ == "__main__":
    from bench import payloads

    sys.exit(payloads.main(["stream", *sys.argv[1:]]))
