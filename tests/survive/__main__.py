"""Kills launches and collections at moments drawn by a seed, and prints what was doubled and lost.

python -m tests.survive --moments 100
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests.survive.moments import LAUNCH, Tally, killed_collecting, killed_launching
from tests.survive.place import Site, opened

#: Of the moments; the rest is of collections.
LAUNCHES = 0.6
#: A process that resumes is killed as well, so often.
TWICE = 0.3


def main() -> int:
    """Exit code 1 if something was doubled or lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.survive", description=__doc__)
    parser.add_argument("--moments", type=int, default=100, help="of launches and collections together")
    parser.add_argument("--seed", type=int, default=1, help="of all moments")
    arguments = parser.parse_args()
    rng, begun = Random(arguments.seed), time.monotonic()
    launching, collecting = Tally("launch"), Tally("collect")
    folder = Path(tempfile.mkdtemp(prefix="benchtui-survive-"))
    try:
        with opened(folder) as site:
            _play(site, rng, arguments.moments, launching, collecting)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _print(launching, collecting, time.monotonic() - begun)
    return 1 if launching.problems or collecting.problems else 0


def _play(site: Site, rng: Random, moments: int, launching: Tally, collecting: Tally) -> None:
    code, said, launch_s = site.undisturbed(*LAUNCH)
    assert code == 0, said
    (first,) = site.new_runs()
    site.play(first)
    _, said, collect_s = site.undisturbed("collect", first, "--local")
    assert site.differences(first) == [], said
    print(f"undisturbed: a launch takes {launch_s:.1f} s, a collection {collect_s:.1f} s", flush=True)
    ready: list[str] = []
    for _ in range(round(moments * LAUNCHES)):
        twice = rng.uniform(0, launch_s) if rng.random() < TWICE else None
        run = killed_launching(site, rng.uniform(0, 1.05 * launch_s), launching, twice_after_s=twice)
        if run is not None:
            ready.append(run)
    while len(ready) > 0 and collecting.moments < moments - launching.moments:
        run = ready[collecting.moments % len(ready)]
        if collecting.moments < len(ready):
            site.play(run)
        # From nothing each time, also where an earlier moment has collected it whole.
        shutil.rmtree(site.results(run), ignore_errors=True)
        killed_collecting(site, run, rng.uniform(0, 1.05 * collect_s), collecting)


def _print(launching: Tally, collecting: Tally, seconds: float) -> None:
    names = ("moments", "survived", "too_early", "resumed", "instances", "doubled", "lost", "problems")
    print(f"{'':10}" + "".join(f"{name:>11}" for name in names))
    for tally in (launching, collecting):
        values = [getattr(tally, name) for name in names[:-1]] + [len(tally.problems)]
        print(f"{tally.name:10}" + "".join(f"{value:>11,}" for value in values))
        for problem in tally.problems:
            print(f"  {problem}")
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
