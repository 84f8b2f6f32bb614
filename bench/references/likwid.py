"""likwid-bench (Debian's and Ubuntu's package likwid): triads and FMA peaks written in assembler.

likwid divides cycles of the time stamp counter by a rate that it measures anew in every process and that
was up to 0.7 % wrong on a busy machine: here the cycles are divided by the median of several such rates.
"""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from pathlib import Path

from bench.quiet import Unmeasured, first_line, need, on, output

CLOCKS = 5


@dataclass(frozen=True, slots=True)
class Likwid:
    """likwid-bench on this machine."""

    cpu: int
    """The CPU it binds its one thread to."""
    counter_hz: float
    version: str
    kernels: frozenset[str]

    @classmethod
    def here(cls) -> Likwid:
        need("likwid-bench", "likwid")
        texts = [output("likwid-bench", "-t", "stream", "-i", "1", "-w", "S0:3MB:1") for _ in range(CLOCKS)]
        names = {line.partition(" - ")[0] for line in output("likwid-bench", "-a").splitlines()}
        return cls(
            cpu=int(field(texts[0], "running on hwthread")),
            counter_hz=statistics.median(field(text, "Cycle Clock:") for text in texts),
            version=first_line("likwid-bench", "-v"),
            kernels=frozenset(names),
        )

    def runs(self, kernel: str) -> bool:
        """Whether it has the kernel and this CPU its instructions."""
        flag = "avx512f" if "avx512" in kernel else "fma" if "fma" in kernel else "avx"
        needs_flag = "avx" in kernel
        return kernel in self.kernels and (not needs_flag or has_flag(flag))

    def run(self, kernel: str, work: str, iterations: int) -> tuple[str, float]:
        """What it printed, and its seconds."""
        text = output(*on(self.cpu), "likwid-bench", "-t", kernel, "-i", str(iterations), "-w", work)
        if field(text, "running on hwthread") != self.cpu:
            raise Unmeasured(f"likwid-bench: on another CPU than {self.cpu}:\n{text}")
        return text, field(text, "Cycles:") / self.counter_hz


def has_flag(flag: str) -> bool:
    return bool(re.search(rf"(?m)^flags\s*:.*\b{flag}\b", Path("/proc/cpuinfo").read_text()))


def field(text: str, name: str) -> float:
    """A number that likwid-bench prints behind a name."""
    found = re.search(rf"{re.escape(name)}\s+(\d+)", text)
    if not found:
        raise Unmeasured(f"likwid-bench said nothing of «{name}»:\n{text}")
    return float(found[1])
