"""What the index of history keeps of a run, made of its validated documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from benchtui.core.documents import ConfirmsDocument
from benchtui.core.instance_results import InstanceResult

#: Name of the index in the cache folder.
INDEX_FILE = "history.sqlite"


@dataclass(frozen=True, slots=True)
class IndexedCell:
    """One suite on one instance."""

    result: InstanceResult
    samples: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # that count, by metric
    sha256: str | None = None  # of result.json


@dataclass(frozen=True, slots=True)
class IndexedRun:
    """One run."""

    run: str
    at: datetime  # UTC
    name: str
    mode: str
    version: str  # of benchtui
    jobs: int
    types: tuple[str, ...]
    worst_case_usd: Decimal | None
    cells: tuple[IndexedCell, ...]
    closed: bool  # nothing more can come
    seen: str = ""  # what was listed of it; the same again has nothing new
    confirms: ConfirmsDocument | None = None
    problem: str | None = None  # why it cannot be read

    @property
    def measured(self) -> int:
        """Cells with figures."""
        return sum(cell.result.metrics is not None for cell in self.cells)

    @property
    def planned(self) -> frozenset[str]:
        """Jobs that were to be launched; of others nothing is known of their type."""
        return frozenset(cell.result.job for cell in self.cells if cell.result.arch)

    @property
    def counting(self) -> int:
        """Cells that are verified and of which no figure is doubted."""
        return sum(
            cell.result.verified is True
            and all(metric.doubt is None for metric in (cell.result.metrics or {}).values())
            for cell in self.cells
            if cell.result.metrics
        )
