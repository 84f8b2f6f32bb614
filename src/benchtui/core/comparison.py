"""A comparison of types: what it holds. `core.compare` makes it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from benchtui.core.fingerprint import Difference
from benchtui.core.instance_results import Basis, InstanceResult, MetricKey
from benchtui.core.multiplicity import Family
from benchtui.core.stats import CONFIDENCE, NOISE_FLOOR, Contrast, Estimate, Interval, Verdict


@dataclass(frozen=True, slots=True)
class Member:
    """One instance's figure in a cell."""

    run: str
    job: str
    value: float
    verified: bool | None
    doubt: str | None = None  # why it is not plausible

    @property
    def counts(self) -> bool:
        """Whether it may stand for its type."""
        return self.verified is True and self.doubt is None


@dataclass(frozen=True, slots=True)
class Against:
    """A type against the baseline.

    Interval and verdict follow from one confidence: that which the correction leaves to this comparison.
    """

    ratio: float
    interval: Interval  # at ``confidence``
    verdict: Verdict  # what that interval says
    contrast: Contrast
    confidence: float = CONFIDENCE
    adjusted: float = 1.0  # least error of the whole family at which there would be a verdict
    family: Family | None = None  # what it was judged together with


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one type."""

    estimate: Estimate | None = None  # of the instances that count, or of all if none does
    members: tuple[Member, ...] = ()  # those of the estimate
    missing: str | None = None  # why there is no estimate
    not_ranked: str | None = None  # why it is shown only; None: it is ranked
    against: Against | None = None
    no_verdict: str | None = None  # why a ranked cell has none
    outliers: tuple[str, ...] = ()  # jobs
    unverified: int = 0  # instances that do not count because others are verified
    doubted: tuple[str, ...] = ()  # jobs whose figure is not plausible, each with the reason
    unusable: int = 0  # instances with a figure that cannot be given in this way

    @property
    def n(self) -> int:
        """Instances that were measured, without those that do not count."""
        return len(self.members) or self.unusable

    @property
    def implausible(self) -> bool:
        """Whether all it stands on is not plausible."""
        return bool(self.members) and all(member.doubt is not None for member in self.members)

    @property
    def ranked(self) -> bool:
        """Whether it may be put in an order."""
        return self.estimate is not None and self.not_ranked is None


@dataclass(frozen=True, slots=True)
class Column:
    """A metric, and what makes its figures comparable."""

    key: MetricKey
    unit: str  # after normalisation
    higher_is_better: bool
    mode: str
    version: str | None


@dataclass(frozen=True, slots=True)
class TypeRow:
    """One instance type."""

    name: str
    results: tuple[InstanceResult, ...]
    cells: tuple[Cell, ...]  # one per column

    @property
    def usd_per_hour(self) -> Decimal | None:
        """Mean price of its instances; None for this machine, which nobody rents, or if one is not known."""
        prices = {(one.run, one.job): one.price for one in self.results}
        known = [price.usd_per_hour for price in prices.values() if price is not None]
        if self.local or not known or len(known) < len(prices):
            return None
        return sum(known, Decimal(0)) / len(known) or None

    @property
    def local(self) -> bool:
        """Whether this is the user's own machine."""
        return any(one.local for one in self.results)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Types as rows, metrics as columns."""

    basis: Basis
    columns: tuple[Column, ...]
    rows: tuple[TypeRow, ...]  # by name
    baseline: str | None
    notes: tuple[str, ...] = ()
    floor: float = NOISE_FLOOR
    confidence: float = CONFIDENCE
    asked: int = 1  # the first columns that are the question; the others are a sweep
    families: tuple[Family, ...] = ()
    differences: tuple[Difference, ...] = ()  # of kernels, images, compilers …
    #: With runs against earlier runs: the earlier figures of the same types. There is no ``baseline`` then.
    earlier: tuple[TypeRow, ...] = ()

    @property
    def baseline_words(self) -> str | None:
        """What figures are compared with; None if with nothing."""
        if not self.earlier:
            return self.baseline
        runs = sorted({one.run for row in self.earlier for one in row.results})
        return f"run {runs[0]}" if len(runs) == 1 else f"{len(runs)} earlier runs"

    @property
    def results(self) -> tuple[InstanceResult, ...]:
        """All results that are compared, without those of earlier runs."""
        return tuple(one for row in self.rows for one in row.results)

    def base_of(self, row: TypeRow) -> TypeRow | None:
        """What a type is compared with: the baseline, or itself before; None for the baseline."""
        if self.earlier:
            return next((one for one in self.earlier if one.name == row.name), None)
        return None if row.name == self.baseline else self.row(self.baseline or "")

    def row(self, name: str) -> TypeRow | None:
        """The row of a type."""
        return next((row for row in self.rows if row.name == name), None)

    def position(self, key: MetricKey | None) -> int:
        """Position of a column; the first if it is not one of them."""
        return next((at for at, column in enumerate(self.columns) if column.key == key), 0)

    def telling(self, position: int) -> str | None:
        """The type a column tells most of: the best with a verdict, else the best, else the first."""
        order = self.in_order(position)
        judged = [row.name for row in order if self.columns and row.cells[position].against is not None]
        return next(iter(judged or [row.name for row in order]), None)

    def in_order(self, position: int) -> tuple[TypeRow, ...]:
        """Rows by one column: ranked ones best first, then by name what is only shown."""
        if not self.columns:
            return self.rows
        sign = -1 if self.columns[position].higher_is_better else 1

        def key(row: TypeRow) -> tuple[int, float, str]:
            cell = row.cells[position]
            if cell.estimate is None:
                return 2, 0.0, row.name
            return (0, sign * cell.estimate.value, row.name) if cell.ranked else (1, 0.0, row.name)

        return tuple(sorted(self.rows, key=key))
