"""Faults planted one at a time, the line that names each, and its fix: as a table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchtui.engine.doctor.finding import Finding, Status
from tests.doctor.patient import Patient, by_name, changed
from tests.doctor.planted import FAULTS, Planted
from tests.local.conftest import LocalCloud

#: True of a new local cloud: nobody has held a drill in it.
NOT_OK = {"drill us-east-1": Status.WARN}
HEADINGS = ("planted", "line", "status", "found", "fix", "lines that only wait for it", "others")


async def proof(cloud: LocalCloud, folder: Path, faults: Sequence[Planted] = FAULTS) -> int:
    """Print the table; how many faults were not named as they should be, and lines unwell before or after."""
    patient, missed, begun = Patient(cloud, folder), 0, time.monotonic()
    before = by_name(await patient.look())
    unwell = [each for name, each in before.items() if each.status is not NOT_OK.get(name, Status.OK)]
    for each in unwell:
        print(f"before anything is planted: {each.name}: {each.status.value}: {each.found}")
    _print_row(HEADINGS)
    _print_row(["---"] * len(HEADINGS))
    for fault in faults:
        missed += not await _row(patient, before, fault)
    left = changed(before, by_name(await patient.look()))
    named, took = len(faults) - missed, time.monotonic() - begun
    print(f"\n{len(before)} lines; {named} of {len(faults)} faults named, {took:.0f} s; left afterwards: "
          f"{', '.join(left) or 'nothing'}")  # fmt: skip
    return missed + len(unwell) + len(left)


async def _row(patient: Patient, before: Mapping[str, Finding], fault: Planted) -> bool:
    """One row; whether all of it is as it should be."""
    with fault.plant(patient):
        after = changed(before, by_name(await patient.look()))
    named = after.pop(fault.line, None)
    others = [f"{name}: {each.status.value}" for name, each in after.items() if each.needs != fault.line]
    if named is None:
        _print_row([fault.name, fault.line, "NOT NAMED", "", "", "", ", ".join(others)])
        return False
    waiting = str(len(after) - len(others))
    _print_row(
        [
            fault.name,
            named.name,
            named.status.value,
            named.found,
            named.fix or "-",
            waiting,
            ", ".join(others) or "none",
        ]
    )
    return named.status is fault.status and fault.fix in (named.fix or "") and not others


def _print_row(cells: list[str] | tuple[str, ...]) -> None:
    print("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |", flush=True)
