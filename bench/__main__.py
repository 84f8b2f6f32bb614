"""`make bench`: every figure, each beside a reference of the same run; at the end one table.

    python -m bench [NAME …]

Each script runs in a process of its own, one after the other, for the machine is what is measured. Exit
status 1 if one missed its goal or could not measure.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.quiet import machine  # noqa: E402
from bench.rows import MARK, table  # noqa: E402

#: In the order they run: what takes long comes last.
SCRIPTS = (
    "starting", "kill", "requests", "launching", "latency", "fold", "tui", "adopting", "collecting",
    "history", "rebuild", "payloads",
)  # fmt: skip


def run(name: str) -> tuple[int, list[str]]:
    """Run a script and let it be seen; its exit status, and its rows of the table."""
    print(f"== {name}", flush=True)
    rows = []
    command = (sys.executable, "-u", str(HERE / f"{name}.py"))
    with subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith(MARK):
                rows.append(line.rstrip())
    return process.returncode, rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCRIPTS)}; default: all")
    names = parser.parse_args().names or SCRIPTS
    unknown = sorted(set(names) - set(SCRIPTS))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}")
    began, rows, ended = datetime.now(UTC), list[str](), dict[str, int]()
    for name in names:
        ended[name], found = run(name)
        rows += found
    print(f"\n{machine()}; {began:%Y-%m-%d %H:%MZ}, load {os.getloadavg()[0]:.1f} at the end\n")
    print(table(rows))
    wrong = {name: code for name, code in ended.items() if code}
    if wrong:
        print("\nmissed or not measured: " + ", ".join(f"{name} ({code})" for name, code in wrong.items()))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
