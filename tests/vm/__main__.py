"""Proves layer 1 in a booted machine: python -m tests.vm. Exit status 1: a cell was missed; 2: it cannot run.

Every fault against all mechanisms together: --full adds each mechanism alone against each fault (an hour).
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.vm import bench, cold, deadlines, matrix, table
from tests.vm.cells import Ended, bundle, job_of, run_cell
from tests.vm.cold import Cold
from tests.vm.faults import FAULTS, named
from tests.vm.image import image
from tests.vm.machine import SKIPPED
from tests.vm.pool import Pool, say
from tests.vm.snapshot import fastest, snapshot

MOST_AT_ONCE = 6
PARTS = ("stacked", "deadlines", "cold")


def main() -> int:
    """Plays the cells and prints the table."""
    arguments = _arguments()
    began = time.monotonic()
    try:
        bench.require()
        if arguments.full:
            return matrix.play(arguments.only)
        return _play(arguments.only, arguments.part, began)
    except bench.Lacking as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        bench.sweep()


def _play(only: list[str], part: str, began: float) -> int:
    built = image()
    say(f"image {time.monotonic() - began:.0f} s")
    clock = fastest(built)
    packed, job = bundle(), job_of()
    stacked, hours, boots = (
        named(every, only) if part in (name, "") else []
        for name, every in zip(PARTS, (FAULTS, deadlines.FAULTS, cold.FAULTS), strict=True)
    )
    with ThreadPoolExecutor(2) as makers:
        wanted = [clock] * bool(stacked) + [SKIPPED] * bool(hours)
        states = dict(zip(wanted, makers.map(lambda each: snapshot(built, each), wanted), strict=True))
    for each, state in states.items():
        say(
            f"saved state, {each.name} time: {state.made_s:.0f} s" if state.made_s else f"{each.name}: cached"
        )
    pool = Pool(bench.at_once(MOST_AT_ONCE))
    ended = [
        pool.submit(fault.busy, lambda f=fault: run_cell(states[clock], f, job, packed)) for fault in stacked
    ]
    booted = [
        pool.submit(False, lambda f=fault: cold.run_cold(built, clock, f, job, packed)) for fault in boots
    ]
    later = [
        pool.submit(True, lambda f=fault: run_cell(states[SKIPPED], f, deadlines.JOB, packed))
        for fault in hours
    ]
    colds = [each.result() for each in booted]
    cells = [each.result() for each in (*ended, *later)] + [each.ended for each in colds]
    return _print(cells, colds, len(stacked), len(hours), time.monotonic() - began)


def _print(cells: list[Ended], colds: list[Cold], stacked: int, hours: int, seconds: float) -> int:
    if stacked:
        print(table.text(table.HEAD, table.rows(cells[:stacked])), "", sep="\n")
    if hours:
        print("Real deadlines, idle time skipped; seconds to the reset where one comes first:", "", sep="\n")
        print(table.text(table.HEAD, table.rows(cells[stacked : stacked + hours])), "", sep="\n")
    if colds:
        print("Booted from nothing:", "", sep="\n")
        print(table.text(table.HEAD, table.rows(cells[stacked + hours :])), "", sep="\n")
    print(*table.cold_lines(colds), *table.troubles(cells), "", sep="\n")
    print("Nothing inside ends these; layer 2 alone does:", *table.OUTSIDE_ONLY, sep="\n  ")
    never = table.never_armed(cells)
    if never:
        print("\nnot armed in any cell:", *never)
    missed = sum(not cell.ok for cell in cells)
    print(f"\n{len(cells)} cells, {missed} missed, {seconds / 60:.1f} min")
    return int(missed > 0 or bool(never) or not cells)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.vm", description=__doc__)
    parser.add_argument("--full", action="store_true", help="each mechanism alone against each fault")
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="TEXT", help="faults whose name contains one of these"
    )
    parser.add_argument("--part", default="", choices=PARTS, help="only these cells")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
