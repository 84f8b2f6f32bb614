"""A launch and a collection killed at a few moments; `make proof-survive` has a hundred."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.survive.moments import LAUNCH, Tally, killed_collecting, killed_launching
from tests.survive.place import opened


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_what_is_killed_while_it_launches_or_collects_is_taken_up_again(tmp_path: Path) -> None:
    launching, collecting = Tally("launch"), Tally("collect")
    with opened(tmp_path) as site:
        code, said, launch_s = site.undisturbed(*LAUNCH)
        assert code == 0, said
        site.new_runs()
        runs = [killed_launching(site, share * launch_s, launching) for share in (0.55, 0.7, 0.85)]
        run = next(run for run in runs if run is not None)
        site.play(run)
        _, _, collect_s = site.undisturbed("status", "--local")
        for share in (0.6, 0.9):
            killed_collecting(site, run, share * collect_s, collecting)
    assert launching.problems == collecting.problems == []
    assert (launching.doubled, launching.lost, collecting.lost) == (0, 0, 0)
    assert launching.resumed + collecting.resumed >= 3
