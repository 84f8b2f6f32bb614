"""Our suites beside named reference programs, in the same run.

Pairs of one of our programs and a reference alternate, in an order that alternates too, on the same CPUs,
sizes and pages. The figure is the median of the pairs' ratios ours / reference. A pair counts when all other
programs together took less than a tenth of one CPU meanwhile (--others); the rest are printed and repeated,
whatever their ratio. What each row compares: docs/references.md and the modules in bench/references.

    python bench/payloads.py [stream] [hpl] [fft] [peak] [chase] [--pairs 11] [--minutes 15] [--lock FILE]

Exit status: 1 if a median misses what is asked of it, 2 if something could not be measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import stream_reference
from bench.quiet import Unmeasured, forbid_huge_pages, machine
from bench.references import fftw_bench, hpcc, lmbench, peak
from bench.references.pairs import (
    LEAST_PAIRS,
    Comparison,
    Conditions,
    measure,
    table,
)

ROWS: dict[str, Callable[[], Iterable[Comparison]]] = {
    "stream": stream_reference.comparisons,
    "hpl": hpcc.comparisons,
    "fft": fftw_bench.comparisons,
    "peak": peak.comparisons,
    "chase": lmbench.comparisons,
}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="row", help=f"of {', '.join(ROWS)}; all of them")
    parser.add_argument("--pairs", type=int, default=LEAST_PAIRS, help="pairs per row, at least 11")
    parser.add_argument("--minutes", type=float, default=15.0, help="to find quiet pairs, per comparison")
    parser.add_argument("--others", type=float, default=0.1, help="CPUs that others may take in a pair")
    parser.add_argument("--lock", type=Path, help="file locked during a pair, for programs that take turns")
    arguments = parser.parse_args(argv)
    chosen = arguments.rows or list(ROWS)
    if unknown := sorted(set(chosen) - set(ROWS)):
        parser.error(f"no row {unknown[0]}; there are: {', '.join(ROWS)}")
    if arguments.pairs < LEAST_PAIRS:
        parser.error("a median of fewer than 11 pairs does not settle one per cent on a shared machine")
    conditions = Conditions(arguments.pairs, arguments.minutes, arguments.others, arguments.lock)
    forbid_huge_pages()
    print(
        f"{machine()}\ncounted: pairs in which other programs took less than {arguments.others:.0%} of a CPU"
    )
    comparisons: list[Comparison] = []
    unmeasured: list[str] = []
    for name in chosen:
        try:
            for comparison in ROWS[name]():
                comparisons.append(comparison)
        except Unmeasured as error:
            unmeasured.append(f"{name}: {error}")
    courses = measure(comparisons, conditions)
    unmeasured += [f"{course.name}: {course.failure}" for course in courses if course.failure]
    results = [row for course in courses if not course.failure for row in course.found]
    print(f"\n{table(results)}")
    for course in courses:
        for refused in course.refused:
            print(f"{course.name}: repeated: {refused}")
    for reason in unmeasured:
        print(f"not measured: {reason}", file=sys.stderr)
    if unmeasured:
        return 2
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
