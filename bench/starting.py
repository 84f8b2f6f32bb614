"""P10: how long short commands take, beside a Python that does nothing; and what the time goes into.

    python bench/starting.py [--pairs N] [--profile]

Pairs in alternating order; the ratio is taken within each pair, of CPU seconds, user and system: what other
programs of the machine leave of it then matters less. The wall clock's median stands beside it. `--profile`
prints the imports that cost most.

Exit status: 1 if a ratio is above its goal.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.quiet import machine  # noqa: E402
from bench.rows import row  # noqa: E402

MOST = 8.0
PYTHON = Path(sys.executable)
NOTHING = (str(PYTHON), "-c", "pass")
COMMANDS = {
    "--help": (str(PYTHON), "-m", "benchtui", "--help"),
    "plan --offline": (str(PYTHON), "-m", "benchtui", "plan", str(ROOT / "config.example.toml"), "--offline"),
}
#: What a plan cannot do without: the owner's choice for every document and setting.
PYDANTIC = (str(PYTHON), "-c", "from pydantic import BaseModel, Field, ConfigDict, field_validator")
_IMPORT = re.compile(r"import time: +(\d+) \| +(\d+) \|( *)(\S+)")


@dataclass(frozen=True)
class Spent:
    """Seconds of one process."""

    cpu: float
    wall: float


def spent(argv: tuple[str, ...]) -> Spent:
    """Run it; its output goes nowhere."""
    began, before = time.perf_counter(), os.times()
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, cwd=ROOT)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(cpu, time.perf_counter() - began)


def pairs(argv: tuple[str, ...], count: int) -> tuple[list[Spent], list[Spent]]:
    """Ours and the Python that does nothing, in alternating order."""
    ours, theirs = [], []
    for turn in range(count):
        for own in (True, False) if turn % 2 else (False, True):
            (ours if own else theirs).append(spent(argv if own else NOTHING))
    return ours, theirs


def profile(argv: tuple[str, ...]) -> None:
    """The packages whose imports cost most, in ms of themselves with all they import."""
    told = subprocess.run(
        (argv[0], "-X", "importtime", *argv[1:]), capture_output=True, text=True, check=False, cwd=ROOT
    )
    found = [(int(m[2]), m[4]) for m in map(_IMPORT.fullmatch, told.stderr.splitlines()) if m]
    for microseconds, name in sorted(found, reverse=True)[:15]:
        print(f"    {microseconds / 1000:7.1f} ms  {name}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=21)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    print(machine())
    missed = False
    for name, argv in {**COMMANDS, "(import of pydantic)": PYDANTIC}.items():
        ours, theirs = pairs(argv, asked.pairs)
        ratios = [one.cpu / other.cpu for one, other in zip(ours, theirs, strict=True)]
        ratio, judged = statistics.median(ratios), name in COMMANDS
        missed |= judged and ratio > MOST
        cpu, wall = (statistics.median(getattr(one, part) for one in ours) for part in ("cpu", "wall"))
        nothing = statistics.median(one.cpu for one in theirs)
        took = f"{1000 * cpu:.0f} ms of CPU ({1000 * wall:.0f} ms)"
        spread = f"{ratio:.1f} ({min(ratios):.1f}-{max(ratios):.1f})"
        if judged:
            goal = f"≤ {MOST:g}"
            reference = f"{1000 * nothing:.0f} ms"
            print(row(10, f"`{name}`", took, "python -c pass", reference, spread, goal, ratio <= MOST))
        else:
            print(f"    {name}: {took}, {spread} times python -c pass")
        if asked.profile and judged:
            profile(argv)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
