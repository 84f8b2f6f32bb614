"""How much a figure varies within an instance: the coefficient of variation of every metric.

A repetition is one process of a run; its figure is the median of its samples that are not warm-ups. The
coefficient is the standard deviation of the repetitions' medians divided by their mean, per instance and
metric. Repetitions that something disturbed are counted like the others; beside that stands the coefficient
of the undisturbed ones alone, so that a marked metric tells whether the disturbance explains it; that
without the one repetition farthest from their median, which tells whether one bad moment does; and the
coefficient of samples within a repetition, which tells whether it is the kernel that is restless. The last
table has the median over all instances for each metric, which no single bad moment decides.

    python bench/variation.py RUN|FOLDER [...] [--marked]

RUN stands in ./results, where `benchtui run` and `benchtui collect RUN` bring it. Nothing is fetched.
Exit status: 2 if there is no result in one of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT = 0.05


@dataclass(frozen=True, slots=True)
class Variation:
    """One metric on one instance."""

    job: str
    suite: str
    metric: str
    unit: str
    medians: tuple[float, ...]  # of the repetitions
    calm: tuple[float, ...]  # of those that nothing disturbed
    inside: tuple[float, ...]  # coefficients of the samples of each repetition that has several

    @property
    def coefficient(self) -> float | None:
        return coefficient(self.medians)

    @property
    def calm_coefficient(self) -> float | None:
        return coefficient(self.calm)

    @property
    def close_coefficient(self) -> float | None:
        """Without the repetition farthest from the median of all."""
        if len(self.medians) < 3:
            return None
        middle = statistics.median(self.medians)
        return coefficient(sorted(self.medians, key=lambda each: abs(each - middle))[:-1])

    @property
    def within(self) -> float | None:
        """Of the samples of one repetition, the median over repetitions."""
        return median_of(self.inside)


def coefficient(values: Sequence[float]) -> float | None:
    """Standard deviation by mean; None of fewer than two values or about a mean of 0."""
    if len(values) < 2 or statistics.fmean(values) == 0:
        return None
    return statistics.stdev(values) / abs(statistics.fmean(values))


def results(folder: Path) -> Iterator[dict[str, Any]]:
    """The result documents below a folder."""
    for path in sorted(folder.rglob("result.json")):
        yield json.loads(path.read_text())


def variations(document: dict[str, Any]) -> Iterator[Variation]:
    """Of each metric that a result has samples of."""
    for name, metric in document["metrics"].items():
        values: dict[tuple[str, int], list[float]] = defaultdict(list)
        disturbed = set()
        for sample in metric["samples"]:
            # Results from before runs were repeated by the agent do not say which repetition a sample is of.
            of = (sample.get("run", ""), sample.get("repetition", 0))
            if not sample.get("excluded"):
                values[of].append(sample["value"])
            if sample.get("disturbed"):
                disturbed.add(of)
        medians = {of: statistics.median(samples) for of, samples in values.items()}
        yield Variation(
            job=f"{document['run']} {document['job']}",
            suite=document["suite"],
            metric=name,
            unit=metric["unit"],
            medians=tuple(medians.values()),
            calm=tuple(median for of, median in medians.items() if of not in disturbed),
            inside=tuple(only_known(map(coefficient, values.values()))),
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="RUN|FOLDER")
    parser.add_argument("--marked", action="store_true", help="of the instances only what is above 5 %%")
    arguments = parser.parse_args()
    found: list[Variation] = []
    for name in arguments.runs:
        folder = Path(name) if Path(name).is_dir() else Path("results") / name
        documents = list(results(folder))
        if not documents:
            print(
                f"no result.json below {folder}; `benchtui collect RUN` brings a run there", file=sys.stderr
            )
            return 2
        found += [each for document in documents for each in variations(document)]
    print(per_instance(found, only_marked=arguments.marked))
    print(f"\n{over_instances(found)}")
    return 0


def per_instance(found: Sequence[Variation], *, only_marked: bool) -> str:
    """A line per instance and metric."""
    lines = [
        "| instance | suite | metric | repetitions | median | unit | CV | disturbed | CV of the others"
        " | without the farthest | within one | |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        if only_marked and not above(each.coefficient):
            continue
        lines.append(
            f"| {each.job} | {each.suite} | {each.metric} | {len(each.medians)}"
            f" | {statistics.median(each.medians) if each.medians else float('nan'):.4g} | {each.unit}"
            f" | {percent(each.coefficient)} | {len(each.medians) - len(each.calm)}"
            f" | {percent(each.calm_coefficient)} | {percent(each.close_coefficient)}"
            f" | {percent(each.within)}"
            f" | {'above 5 %' if above(each.coefficient) else ''} |"
        )
    return "\n".join(lines)


def over_instances(found: Sequence[Variation]) -> str:
    """A line per metric: the coefficients of all instances, and of the undisturbed repetitions of all."""
    by_metric: dict[tuple[str, str], list[Variation]] = defaultdict(list)
    for each in found:
        by_metric[each.suite, each.metric].append(each)
    lines = [
        "| suite | metric | instances | median CV | least | greatest | undisturbed, median CV"
        " | without the farthest | within one | |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    marked = unknown = 0
    for (suite, metric), of_metric in sorted(by_metric.items()):
        known = only_known(each.coefficient for each in of_metric)
        calm = only_known(each.calm_coefficient for each in of_metric)
        close = only_known(each.close_coefficient for each in of_metric)
        within = only_known(each.within for each in of_metric)
        middle = median_of(known)
        marked += above(middle)
        unknown += middle is None
        spread = (middle, min(known, default=None), max(known, default=None))
        figures = (*spread, *map(median_of, (calm, close, within)))
        lines.append(
            f"| {suite} | {metric} | {len(of_metric)} | {' | '.join(map(percent, figures))}"
            f" | {'above 5 %' if above(middle) else ''} |"
        )
    lines.append(f"\n{len(by_metric)} metrics: {marked} above 5 %, {unknown} with fewer than two repetitions")
    return "\n".join(lines)


def only_known(coefficients: Iterable[float | None]) -> list[float]:
    return [cv for cv in coefficients if cv is not None]


def median_of(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def above(cv: float | None) -> bool:
    return cv is not None and cv > LIMIT


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


if __name__ == "__main__":
    sys.exit(main())
