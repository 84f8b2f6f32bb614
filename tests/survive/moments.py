"""A process killed at one moment, what follows, and what is counted then."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.survive.place import REPLICATES, TYPES, Site

LAUNCH = ("run", "--yes", "--detach", "--local")
JOBS = len(TYPES) * REPLICATES
#: Exit code of a collection whose results nobody can check: these have no raw output.
JUDGED = 1


@dataclass
class Tally:
    """What came of many moments of one kind."""

    name: str
    moments: int = 0
    survived: int = 0  # the process had ended before its moment came
    too_early: int = 0  # nothing was begun yet
    resumed: int = 0
    instances: int = 0
    doubled: int = 0
    lost: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def killed_launching(
    site: Site, after_s: float, tally: Tally, *, twice_after_s: float | None = None
) -> str | None:
    """A launch is killed, and resumed; the run it had begun, if it had.

    Args:
        site: where.
        after_s: when it is killed, from its start.
        tally: what is counted into.
        twice_after_s: when the one that resumes is killed as well; None: it is not.
    """
    tally.moments += 1
    tally.survived += not site.killed_after(after_s, *LAUNCH)
    runs = site.new_runs()
    if not runs:
        tally.too_early += 1
        return None
    (run,) = runs
    again = ("run", "--yes", "--detach", "--local", "--resume", run)
    if twice_after_s is not None:
        site.killed_after(twice_after_s, *again)
    code, said, seconds = site.undisturbed(*again)
    tally.resumed += 1
    tally.seconds += seconds
    found = site.by_job(run)
    tally.instances += found.total()
    tally.doubled += sum(count - 1 for count in found.values())
    tally.lost += JOBS - len(found)
    if code != 0 or found.total() != JOBS:
        tally.problems.append(
            f"killed after {after_s:.2f} s: {run}: exit {code}, {dict(found)}: {said[-600:]}"
        )
    return run


def killed_collecting(site: Site, run: str, after_s: float, tally: Tally) -> None:
    """A collection is killed, and made again."""
    tally.moments += 1
    tally.survived += not site.killed_after(after_s, "collect", run, "--local")
    code, said, seconds = site.undisturbed("collect", run, "--local")
    tally.resumed += 1
    tally.seconds += seconds
    wrong = site.differences(run)
    tally.lost += len(wrong)
    if code not in (0, JUDGED) or wrong:
        tally.problems.append(f"killed after {after_s:.2f} s: {run}: exit {code}, {wrong}: {said[-600:]}")
