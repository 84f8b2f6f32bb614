"""Types side by side: values with intervals, verdicts against a baseline, and why something is not ranked.

One place decides what counts. Only results that are verified and plausible are ranked; fewer than three
instances are shown and never ranked; outliers are labelled and never dropped; what cannot be compared is
left out and said. Verdicts that are given together are corrected for their number (`core.multiplicity`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchtui.core import stats
from benchtui.core.apart import Names, names_apart
from benchtui.core.comparison import Against, Cell, Column, Comparison, Member, TypeRow
from benchtui.core.errors import UsageError
from benchtui.core.fingerprint import differences
from benchtui.core.instance_results import Basis, InstanceResult, MetricKey, metric_keys, nearest
from benchtui.core.measured_cells import Groups, column_of
from benchtui.core.multiplicity import Correction, Family, allowances
from benchtui.core.stats import CONFIDENCE, NOISE_FLOOR, Contrast

__all__ = ["Against", "Cell", "Column", "Comparison", "Member", "TypeRow", "compare", "compare_runs"]

#: Mark of a group of earlier runs; no name of a row begins with it.
_EARLIER = "earlier "


def compare(
    results: Sequence[InstanceResult],
    *,
    keys: Sequence[MetricKey] | None = None,
    basis: Basis = Basis.INSTANCE,
    baseline: str | None = None,
    floor: float = NOISE_FLOOR,
    confidence: float = CONFIDENCE,
    asked: int = 1,
) -> Comparison:
    """Compare types.

    Args:
        results: of one or several runs.
        keys: metrics to show, in this order; all if None.
        basis: per what.
        baseline: a type; None takes the first by name that is ranked in the first column.
        floor: noise floor as a fraction.
        confidence: of every interval of a figure, and of all ratios of the question together.
        asked: how many of the first columns are the question. Their verdicts are one family, corrected by
            Holm; those of the other columns are a sweep, corrected by Benjamini and Hochberg.

    Raises:
        UsageError: the baseline is not among the types.
    """
    groups = _by_type(results, names_apart(results))
    if baseline is not None and baseline not in groups:
        raise UsageError(f"no result is of the type {baseline}", fix=nearest(baseline, groups))
    wanted = metric_keys(results) if keys is None else tuple(keys)
    columns, cells, notes = _cells(groups, wanted, basis, confidence)
    chosen = baseline if baseline is not None else _baseline(groups, cells)
    bases = {} if chosen is None else {name: chosen for name in groups if name != chosen}
    judged, families = _judged(cells, bases, columns, floor, confidence, asked)
    rows = tuple(TypeRow(name, tuple(groups[name]), tuple(judged[name])) for name in groups)
    return Comparison(
        basis, columns, rows, chosen, notes, floor, confidence, asked, families, differences(groups, bases)
    )


def compare_runs(
    results: Sequence[InstanceResult],
    earlier: Sequence[InstanceResult],
    *,
    keys: Sequence[MetricKey] | None = None,
    basis: Basis = Basis.INSTANCE,
    floor: float = NOISE_FLOOR,
    confidence: float = CONFIDENCE,
    asked: int | None = None,
) -> Comparison:
    """Compare each type with itself in earlier runs.

    Both sides share mode and suite version, by what most instances of both have. The comparison has no
    baseline; `Comparison.base_of` gives the earlier figures.

    Args:
        results: of the new runs.
        earlier: of the runs they are compared with.
        keys: metrics to show; all of the new runs if None.
        basis: per what.
        floor: noise floor as a fraction.
        confidence: of every interval of a figure, and of all ratios of the question together.
        asked: as in `compare`; None: all columns are the question.
    """
    names = names_apart((*results, *earlier))
    ours, theirs = _by_type(results, names), _by_type(earlier, names)
    groups: dict[str, Sequence[InstanceResult]] = {
        **ours,
        **{_EARLIER + name: found for name, found in theirs.items() if name in ours},
    }
    wanted = metric_keys(results) if keys is None else tuple(keys)
    columns, cells, notes = _cells(groups, wanted, basis, confidence)
    bases = {name: _EARLIER + name for name in ours if name in theirs}
    count = len(columns) if asked is None else asked
    judged, families = _judged(cells, bases, columns, floor, confidence, count)
    alone = "no earlier run measured this type"
    rows = tuple(
        TypeRow(
            name,
            tuple(ours[name]),
            tuple(judged[name])
            if name in theirs
            else tuple(replace(cell, no_verdict=alone) if cell.ranked else cell for cell in judged[name]),
        )
        for name in ours
    )
    before = tuple(
        TypeRow(name, tuple(theirs[name]), tuple(cells[_EARLIER + name])) for name in ours if name in theirs
    )
    unlike = tuple(
        replace(
            one,
            within=None if one.within is None else _spoken(one.within),
            types=tuple(_spoken(name) for name in one.types),
        )
        for one in differences(groups, bases)
    )
    return Comparison(basis, columns, rows, None, notes, floor, confidence, count, families, unlike, before)


def _spoken(name: str) -> str:
    """``earlier c7g.large`` as it is read."""
    return f"{name.removeprefix(_EARLIER)} before" if name.startswith(_EARLIER) else name


def _by_type(results: Sequence[InstanceResult], names: Names) -> dict[str, Sequence[InstanceResult]]:
    """Results by type, regions and markets of one type apart, by name."""
    found: dict[str, list[InstanceResult]] = {
        name: [] for name in sorted({names[one.run, one.job] for one in results})
    }
    for result in results:
        found[names[result.run, result.job]].append(result)
    return dict(found)


def _cells(
    groups: Groups, keys: Sequence[MetricKey], basis: Basis, confidence: float
) -> tuple[tuple[Column, ...], dict[str, list[Cell]], tuple[str, ...]]:
    """Columns, the cells of every group, and notes."""
    columns: list[Column] = []
    cells: dict[str, list[Cell]] = {name: [] for name in groups}
    notes: dict[str, None] = {}
    for key in keys:
        column, of_group, left_out = column_of(groups, key, basis, confidence)
        columns.append(column)
        notes.update(dict.fromkeys(left_out))
        for name in groups:
            cells[name].append(of_group[name])
    return tuple(columns), cells, tuple(notes)


def _baseline(groups: Groups, cells: Mapping[str, Sequence[Cell]]) -> str | None:
    """The first type that is ranked in the first column, else the first that has a value."""
    first = {name: cells[name][0] for name in groups if cells[name]}
    ranked = [name for name, cell in first.items() if cell.ranked]
    shown = [name for name, cell in first.items() if cell.estimate is not None]
    return next(iter(ranked or shown), None)


#: A comparison to be judged: group, column, contrast.
_Open = tuple[str, int, Contrast]


def _judged(
    cells: Mapping[str, Sequence[Cell]],
    bases: Mapping[str, str],
    columns: Sequence[Column],
    floor: float,
    confidence: float,
    asked: int,
) -> tuple[dict[str, list[Cell]], tuple[Family, ...]]:
    """The cells with their verdicts, and the families these were judged in."""
    judged = {name: list(of_group) for name, of_group in cells.items()}
    question: list[_Open] = []
    sweep: list[_Open] = []
    for name, base in bases.items():
        for at, (cell, other) in enumerate(zip(cells[name], cells[base], strict=True)):
            if cell.ranked and other.ranked:
                values = [one.value for one in cell.members]
                contrast = stats.contrast(values, [one.value for one in other.members])
                (question if at < asked else sweep).append((name, at, contrast))
            elif cell.ranked:
                judged[name][at] = replace(cell, no_verdict=_no_base(base, other))
    families: list[Family] = []
    for opened, correction in ((question, Correction.HOLM), (sweep, Correction.BENJAMINI_HOCHBERG)):
        if not opened:
            continue
        names = dict.fromkeys(str(columns[at].key) for _, at, _ in opened)
        kind = correction if len(opened) > 1 else Correction.NONE
        family = Family(kind, len(opened), round(1 - confidence, 12), tuple(names))
        families.append(family)
        levels = [contrast.deciding_level(floor) for _, _, contrast in opened]
        for (name, at, contrast), allowed in zip(opened, allowances(levels, family), strict=True):
            # Of one comparison the confidence is that which was asked for, to the last digit.
            sure = confidence if kind is Correction.NONE else allowed.confidence
            interval = contrast.interval(sure)
            word = stats.verdict(interval, higher_is_better=columns[at].higher_is_better, floor=floor)
            against = Against(contrast.ratio, interval, word, contrast, sure, allowed.adjusted, family)
            judged[name][at] = replace(judged[name][at], against=against)
    return judged, tuple(families)


def _no_base(base: str, cell: Cell) -> str:
    """Why a ranked cell has no verdict."""
    reason = cell.not_ranked or cell.missing
    if base.startswith(_EARLIER):
        return f"the earlier figure is not ranked: {reason}"
    return f"the baseline {base} is not ranked: {reason}"
