"""The formats by name: what each makes of runs, and where its files lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchtui.core.run_records import RunRecord
from benchtui.report.export.figures import LeftOut


@dataclass(frozen=True, slots=True)
class Exported:
    """What was made: one file, or several of a folder."""

    files: Mapping[str, bytes]  # by name; "" is the one file
    left_out: tuple[LeftOut, ...] = ()
    rows: int | None = None  # of a table
    stale: tuple[str, ...] = field(default=())  # files of the folder that would be of an earlier export


@dataclass(frozen=True, slots=True)
class Format:
    """A format."""

    ending: str  # of its file; "" is a folder
    make: Callable[[Sequence[RunRecord], bool, str], Exported]  # runs, samples?, version
    samples: bool = False  # can hold every repetition
    text: bool = True  # may go to a terminal


def _csv(records: Sequence[RunRecord], samples: bool, version: str) -> Exported:
    from benchtui.report.export import rows, tables

    if samples:
        several = list(rows.sample_rows(records))
        return _one(tables.as_csv(several, rows.SampleRow), rows=len(several))
    found = list(rows.measurement_rows(records))
    return _one(tables.as_csv(found, rows.MeasurementRow), rows=len(found))


def _json_lines(records: Sequence[RunRecord], samples: bool, version: str) -> Exported:
    from benchtui.report.export import rows, tables

    found = list(rows.sample_rows(records) if samples else rows.measurement_rows(records))
    return _one(tables.as_json_lines(found), rows=len(found))


def _parquet(records: Sequence[RunRecord], samples: bool, version: str) -> Exported:
    from benchtui.report.export import parquet, rows

    if samples:
        several = list(rows.sample_rows(records))
        return Exported({"": parquet.as_parquet(several, rows.SampleRow, version)}, rows=len(several))
    found = list(rows.measurement_rows(records))
    return Exported({"": parquet.as_parquet(found, rows.MeasurementRow, version)}, rows=len(found))


def _reframe(records: Sequence[RunRecord], samples: bool, version: str) -> Exported:
    from benchtui.report.export import reframe

    return _one(*reframe.as_python(records))


def _reframe_json(records: Sequence[RunRecord], samples: bool, version: str) -> Exported:
    from benchtui.report.export import reframe

    return _one(*reframe.as_json(records))


def _bencher(records: Sequence[RunRecord], samples: bool, version: str) -> Exported:
    from benchtui.report.export import bencher

    return _one(*bencher.as_bencher(records))


def _junit(records: Sequence[RunRecord], samples: bool, version: str) -> Exported:
    from benchtui.report.export import junit

    return _one(junit.as_junit(records))


def _computecompass(records: Sequence[RunRecord], samples: bool, version: str) -> Exported:
    from benchtui.report.export import computecompass

    made = computecompass.as_computecompass(records, version)
    stale = tuple(name for name in computecompass.FILES if name not in made.files)
    return Exported(made.files, made.left_out, stale=stale)


def _one(text: str, left: tuple[LeftOut, ...] = (), rows: int | None = None) -> Exported:
    return Exported({"": text.encode()}, left, rows)


FORMATS: Mapping[str, Format] = {
    "csv": Format("csv", _csv, samples=True),
    "jsonl": Format("jsonl", _json_lines, samples=True),
    "parquet": Format("parquet", _parquet, samples=True, text=False),
    "reframe": Format("py", _reframe),
    "reframe-json": Format("json", _reframe_json),
    "bencher": Format("json", _bencher),
    "junit": Format("xml", _junit),
    "computecompass": Format("", _computecompass, text=False),
}
