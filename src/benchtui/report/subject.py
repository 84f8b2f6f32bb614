"""What a report is about: runs, their comparison, and the words for where figures come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from benchtui.core import quoting
from benchtui.core.compare import Column, Comparison, TypeRow, compare
from benchtui.core.documents import ResultDocument
from benchtui.core.instance_results import Basis, InstanceResult, MetricKey, headline_keys, metric_keys
from benchtui.core.run_records import RunRecord, all_rows
from benchtui.report.blocks import Tone

TEAMS = {"all": "all threads", "one": "one thread", "core": "one thread per core"}
TONES = {
    "better": Tone.BETTER,
    "worse": Tone.WORSE,
    "equivalent": Tone.EQUIVALENT,
    "inconclusive": Tone.INCONCLUSIVE,
    quoting.BASELINE: Tone.BASELINE,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Runs that are reported together."""

    records: tuple[RunRecord, ...]
    rows: tuple[InstanceResult, ...]
    comparison: Comparison  # of every metric, those that tell most first; of types that have any figure
    per_dollar: Comparison  # of those that tell most
    at: datetime  # of the report
    version: str  # of benchtui
    titles: Mapping[str, str] = field(default_factory=dict)  # by suite

    @property
    def runs(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(record.run.run for record in self.records)

    @property
    def suites(self) -> tuple[str, ...]:
        """Suites of which anything was measured."""
        return tuple(dict.fromkeys(column.key.suite for column in self.comparison.columns))

    @property
    def asked(self) -> range:
        """Positions of the columns that tell most."""
        return range(self.comparison.asked if self.comparison.columns else 0)

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Types that were planned and have no figure at all."""
        planned = dict.fromkeys(row.instance_type for row in self.rows)
        return tuple(name for name in planned if self.comparison.row(name) is None)

    def positions(self, suite: str) -> tuple[int, ...]:
        """Positions of a suite's columns."""
        return tuple(at for at, one in enumerate(self.comparison.columns) if one.key.suite == suite)

    def title(self, suite: str) -> str:
        """What a suite is called."""
        return self.titles.get(suite, suite)

    def documents(self, suite: str | None = None) -> tuple[ResultDocument, ...]:
        """Valid results, of one suite or of all."""
        return tuple(
            one
            for record in self.records
            for one in record.documents.values()
            if isinstance(one, ResultDocument) and suite in (None, one.suite)
        )


def subject_of(
    records: Sequence[RunRecord],
    *,
    at: datetime,
    version: str,
    baseline: str | None = None,
    titles: Mapping[str, str] | None = None,
) -> Subject:
    """Compare everything that was measured.

    The verdicts on the metrics that tell most are one family; those on all others a sweep.

    Args:
        records: at least one run.
        at: time of the report.
        version: of benchtui.
        baseline: a type; None: the first that is ranked.
        titles: of suites, by name.

    Raises:
        UsageError: the baseline is not among the types.
    """
    rows = all_rows(records)
    figured = {row.instance_type for row in rows if row.metrics}
    compared = [row for row in rows if row.instance_type in figured or not figured]
    telling = headline_keys(rows)
    others = [key for key in metric_keys(rows) if key not in set(telling)]
    comparison = compare(compared, keys=[*telling, *others], baseline=baseline, asked=max(len(telling), 1))
    per_dollar = compare(
        compared,
        keys=telling,
        basis=Basis.DOLLAR,
        baseline=comparison.baseline,
        asked=max(len(telling), 1),
    )
    return Subject(tuple(records), rows, comparison, per_dollar, at, version, titles or {})


def metric_words(key: MetricKey) -> str:
    """``triad, all threads``."""
    name, _, team = key.name.rpartition(".")
    return f"{name}, {TEAMS[team]}" if name and team in TEAMS else key.name


def full_name(key: MetricKey) -> str:
    """``stream triad, all threads``; the suite's name once where the metric has the same."""
    words = metric_words(key)
    return words if words.startswith(key.suite) else f"{key.suite} {words}"


def unit_words(unit: str) -> str:
    """A unit; the unit of shares has a name."""
    return "ratio" if unit == "1" else unit


def direction(column: Column) -> str:
    """``GB/s, higher is better``."""
    better = "higher is better" if column.higher_is_better else "lower is better"
    return f"{unit_words(column.unit)}, {better}"


def tone_of(comparison: Comparison, row: TypeRow, position: int) -> Tone:
    """The tone of a verdict; a type that stands alone is the baseline of nothing."""
    if len(comparison.rows) == 1 and row.cells[position].ranked:
        return Tone.PLAIN
    return TONES.get(quoting.verdict_word(comparison, row, position), Tone.WEAK)


def listed(items: Iterable[str | None], most: int = 4, none: str = "not known") -> str:
    """Different items in their order, the first few of them written out."""
    found = list(dict.fromkeys(item for item in items if item))
    more = len(found) - most
    return (", ".join(found[:most]) + (f" and {more} more" if more > 0 else "")) or none


def counted(number: int, noun: str) -> str:
    """``1 instance``, ``3 instances``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def price_words(results: Iterable[InstanceResult]) -> str:
    """Basis and date of prices; what is not rented has none."""
    several = tuple(results)
    prices = [one.price for one in several if one.price is not None and not one.local]
    if not prices:
        return "this machine, not rented" if any(one.local for one in several) else "not known"
    newest = max(price.as_of for price in prices)
    oldest = min(price.as_of for price in prices)
    dates = (
        f"{newest:%Y-%m-%d}" if newest.date() == oldest.date() else f"{oldest:%Y-%m-%d} to {newest:%Y-%m-%d}"
    )
    basis = listed(price.basis for price in prices)
    return f"on demand, {basis}, {listed(price.region for price in prices)}, as of {dates}"


def origin(subject: Subject, positions: Sequence[int]) -> str:
    """What a chart stands on: n, interval, price basis and date, region, AMI, versions, runs."""
    comparison = subject.comparison
    columns = [comparison.columns[at] for at in positions]
    suites = {column.key.suite for column in columns}
    used = [one for one in subject.rows if one.suite in suites and one.metrics]
    counts = [row.cells[at].n for row in comparison.rows for at in positions if row.cells[at].estimate]
    n = (
        "n = 0"
        if not counts
        else f"n = {min(counts)}" + (f" to {max(counts)}" if len(set(counts)) > 1 else "")
    )
    documents = [one for suite in suites for one in subject.documents(suite)]
    recipe = listed(
        f"{one.key.suite} version {one.version or 'not known'}, mode {one.mode}" for one in columns
    )
    versions = listed(record.run.benchtui_version for record in subject.records)
    runs = listed((one.run for one in used), most=3)
    return "; ".join(
        (
            f"{n} instances per type",
            f"{quoting.confidence_text(comparison.confidence)} intervals",
            f"prices: {price_words(used)}",
            f"region {listed(one.region for one in documents)}",
            f"AMI {listed(one.image_id for one in documents)}",
            f"{recipe}, benchtui {versions}",
            f"run {runs}",
        )
    )


def identifier(text: str) -> str:
    """A text as part of an id of a page: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower() or "part"
