"""What share of an instance's billed seconds was spent measuring, and what the rest went to.

Billed are the seconds from the instance's launch to its end: EC2's own time of the end where it tells one,
else the last word of its agent, which is followed by power-off (EC2 tells no time of that; a host sees it
within seconds). At least the minute that is billed in any case. What the rest went to, the
results tell (facts "observed"): set-up from boot until all suites were installed and built, waiting for
calm, the time between repetitions (readings of clock and load). What remains is launch to boot, upload and
power-off.

    python bench/billed_share.py RUN [RUN ...] [--local] [--config FILE] [--bucket NAME] [--region REGION]

Exit status: 1 if an instance that ran in full mode measured for less than 0.9 of its billed time; 2 if there
is nothing to tell of a run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchtui.cli.arguments import DEFAULTS, shared
from benchtui.cli.settings import Settings, open_workspace, read
from benchtui.core.documents import ResultDocument
from benchtui.core.errors import BenchtuiError
from benchtui.core.money import billed_seconds

MOST_NOT_MEASURING = 0.1  # of full mode


@dataclass(frozen=True, slots=True)
class SuiteTime:
    """Seconds of one suite on one instance."""

    suite: str
    measured: float
    waited: float  # for calm
    between: float  # repetitions


@dataclass(slots=True)
class InstanceTime:
    """Seconds of one instance."""

    job: str
    mode: str
    billed: float
    setup: float = 0.0  # from boot until everything was prepared
    suites: list[SuiteTime] = field(default_factory=list)

    @property
    def measured(self) -> float:
        return sum(suite.measured for suite in self.suites)

    @property
    def waited(self) -> float:
        return sum(suite.waited for suite in self.suites)

    @property
    def between(self) -> float:
        return sum(suite.between for suite in self.suites)

    @property
    def rest(self) -> float:
        """Launch to boot, upload, power-off."""
        return self.billed - self.setup - self.measured - self.waited - self.between

    @property
    def not_measuring(self) -> float:
        return 1 - self.measured / self.billed


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, parents=[shared()]
    )
    parser.add_argument("runs", nargs="+", metavar="RUN")
    given = parser.parse_args()
    settings = read(argparse.Namespace(**{**DEFAULTS, **vars(given)}))
    try:
        found = [each for run in given.runs for each in asyncio.run(times_of(settings, run))]
    except BenchtuiError as error:
        print(f"{error.what}\n  fix: {error.fix}", file=sys.stderr)
        return 2
    if not found:
        print("no instance of these runs measured anything and has ended", file=sys.stderr)
        return 2
    print(by_instance(found))
    print(f"\n{by_suite(found)}")
    print(f"\n{by_mode(found)}")
    full = [each for each in found if each.mode == "full"]
    return 1 if any(each.not_measuring > MOST_NOT_MEASURING for each in full) else 0


async def times_of(settings: Settings, run: str) -> list[InstanceTime]:
    """The instances of a run that have ended, with what their results tell of their time."""
    async with open_workspace(settings, lambda _: None) as workspace:
        document = await workspace.load(run)
        watcher = await workspace.watcher(document)
        snapshot = await watcher.poll()
        collected = await workspace.collect(watcher, snapshot)
    found = []
    for row in snapshot.rows:
        if row.launched_at is None or row.ended_at is None:
            continue
        told_by_ec2 = row.status.instance and row.status.instance.ended_at
        ended = told_by_ec2 or row.status.last_sentinel_at or row.ended_at
        billed = billed_seconds((ended - row.launched_at).total_seconds())
        instance = InstanceTime(f"{run} {row.planned.job}", document.mode, float(billed))
        for (job, suite), result in collected.results.items():
            if job == row.planned.job and isinstance(result, ResultDocument):
                told = result.facts.get("observed") or {}
                if "elapsed_seconds" not in told:
                    continue  # it failed before it measured: all its time is the rest
                measured, waited = told["measured_seconds"], told["waited_seconds"]
                between = told["elapsed_seconds"] - measured - waited
                instance.suites.append(SuiteTime(suite, measured, waited, between))
                instance.setup = max(instance.setup, told.get("setup_seconds", 0.0))
        if instance.suites:
            found.append(instance)
    return found


def by_instance(found: Sequence[InstanceTime]) -> str:
    lines = [
        "| instance | mode | billed s | set-up | measuring | waiting for calm | between repetitions"
        " | launch, upload, last words | not measuring |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.job} | {each.mode} | {each.billed:.0f} | {each.setup:.1f} | {each.measured:.1f}"
        f" | {each.waited:.1f} | {each.between:.1f} | {each.rest:.1f} | **{each.not_measuring:.1%}** |"
        for each in found
    ]
    return "\n".join(lines)


def by_suite(found: Sequence[InstanceTime]) -> str:
    """Medians over the instances of a mode."""
    times: dict[tuple[str, str], list[SuiteTime]] = defaultdict(list)
    for each in found:
        for suite in each.suites:
            times[each.mode, suite.suite].append(suite)
    lines = [
        "| mode | suite | measuring s | waiting for calm s | between repetitions s | instances |",
        "|---|---|---|---|---|---|",
    ]
    for (mode, name), many in sorted(times.items()):
        measured, waited, between = (
            statistics.median(values)
            for values in zip(*((one.measured, one.waited, one.between) for one in many), strict=True)
        )
        lines.append(f"| {mode} | {name} | {measured:.1f} | {waited:.1f} | {between:.1f} | {len(many)} |")
    return "\n".join(lines)


def by_mode(found: Sequence[InstanceTime]) -> str:
    """Share of all billed seconds of a mode."""
    lines = []
    for mode in sorted({each.mode for each in found}):
        of_mode = [each for each in found if each.mode == mode]
        billed, measured = sum(each.billed for each in of_mode), sum(each.measured for each in of_mode)
        lines.append(
            f"{mode}: {1 - measured / billed:.1%} of {billed:.0f} billed seconds on {len(of_mode)} instances"
            " were not spent measuring"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
