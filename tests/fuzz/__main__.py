"""Fuzzes every target, or those that are named, each in a process of its own, and prints what was found.

python -m tests.fuzz --seconds 60 [TARGET …]

Exit code 1 if anything was found. Inputs that broke a contract are below --folder: mend the reader, then
`python -m tests.fuzz --keep` puts them into the corpus that the tests replay.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz.target import CORPUS, name_of
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
#: Beyond its time a worker may be at an input that takes long, or be starting; then it is ended.
PATIENCE_S = 300
_STATUS = re.compile(r"#\d+\s+[A-Za-z]+\s+cov: (\d+) ft: (\d+) corp: (\d+)/")


@dataclass(frozen=True)
class Hunted:
    """What became of one target."""

    name: str
    report: dict[str, Any]
    edges: int  # of the coverage of Python's code that inputs reached
    corpus: int  # inputs that reach something no other one does
    died: str  # why its process did not end by itself; empty: it did


def main() -> int:
    """Exit code 1 if something was found that must not be."""
    arguments = _arguments()
    names = arguments.targets or list(TARGETS)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="benchtui-fuzz-"))
    if arguments.keep:
        return _keep(folder)
    print(f"{'target':14} {'executions':>11} {'accepted':>9} {'corpus':>7} {'edges':>6} {'slowest s':>9} "
          f"{'peak MiB':>8} {'crashes':>8} {'kinds':>6}")  # fmt: skip
    failed = 0
    for hunted in _hunted(names, arguments.seconds, folder, arguments.seed, arguments.processes):
        report = hunted.report
        kinds = report.get("kinds", [])
        failed += bool(kinds or hunted.died)
        print(_row(hunted), flush=True)
        for kind in (*kinds, *([hunted.died] if hunted.died else ())):
            print(f"    {kind}")
    print(f"{failed} of {len(names)} targets found something" + (f", see {folder}" if failed else ""))
    return 1 if failed else 0


def _row(hunted: Hunted) -> str:
    """A target's line of the table."""
    report = {"executions": 0, "accepted": 0, "crashes": 0, "kinds": [], "slowest_s": 0, "peak_mib": 0}
    report |= hunted.report
    return (
        f"{hunted.name:14} {report['executions']:>11,} {report['accepted']:>9,} {hunted.corpus:>7,} "
        f"{hunted.edges:>6,} {report['slowest_s']:>9.2f} {report['peak_mib']:>8.0f} "
        f"{report['crashes']:>8,} {len(report['kinds']):>6}"
    )


def _hunted(names: list[str], seconds: int, folder: Path, seed: int, processes: int) -> Iterator[Hunted]:
    with ThreadPoolExecutor(processes) as pool:
        yield from pool.map(lambda name: _hunt(name, seconds, folder / name, seed), names)


def _hunt(name: str, seconds: int, folder: Path, seed: int) -> Hunted:
    """Run a worker to its end."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.worker", name, str(seconds), str(folder), str(seed)]
    died = ""
    with (folder / "log").open("wb") as log:
        try:
            done = subprocess.run(
                command, cwd=ROOT, stdout=log, stderr=log, timeout=seconds + PATIENCE_S, check=False
            )
            if done.returncode != 0:
                died = f"its process ended with {done.returncode}, see {folder / 'log'}"
        except subprocess.TimeoutExpired:
            died = f"did not end within {seconds + PATIENCE_S} s, see {folder / 'log'}"
    text = (folder / "log").read_text(errors="replace")
    status = _STATUS.findall(text)
    edges, _, corpus = map(int, status[-1]) if status else (0, 0, 0)
    file = folder / "report.json"
    report = json.loads(file.read_text()) if file.exists() else {}
    return Hunted(name, report, edges, corpus, died)


def _keep(folder: Path) -> int:
    """Copy findings into the corpus."""
    for found in sorted(folder.glob("*/finding-*")):
        content = found.read_bytes()
        target = CORPUS / found.parent.name / name_of(content)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        print(target)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    which = "one or more; without any: all"
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], metavar="TARGET", help=which)
    parser.add_argument("--seconds", type=int, default=60, help="for each")
    parser.add_argument("--processes", type=int, default=1, help="at the same time")
    parser.add_argument("--seed", type=int, default=1, help="of all chances")
    parser.add_argument("--folder", type=Path, help="for corpus and findings; without it a new one")
    parser.add_argument("--keep", action="store_true", help="copy what was found in --folder into the corpus")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
