"""Each planted fault is named by its own line, with what mends it; nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.engine.doctor.finding import Finding, Status
from tests.doctor.patient import Patient, by_name, changed
from tests.doctor.planted import FAULTS, Planted
from tests.doctor.proof import NOT_OK, proof
from tests.local.conftest import LocalCloud

#: In the default suite; all of them in `make proof-doctor`.
FEW = (
    "policy without write-once",
    "security group lets in",
    "quota below one instance",
    "RunInstances denied",
)


async def well(patient: Patient) -> dict[str, Finding]:
    """The lines before anything is planted."""
    found = by_name(await patient.look())
    assert {
        name: each.found for name, each in found.items() if each.status is not NOT_OK.get(name, Status.OK)
    } == {}
    return found


async def judge(patient: Patient, before: dict[str, Finding], fault: Planted) -> Finding:
    """The line that names ``fault``, once every line was looked at."""
    with fault.plant(patient):
        after = changed(before, by_name(await patient.look()))
    named = after.pop(fault.line, None)
    assert named is not None, f"{fault.name}: {fault.line} says nothing; changed: {after}"
    assert named.status is fault.status, named
    assert fault.fix in (named.fix or ""), named
    assert named.means
    strange = {name: each for name, each in after.items() if each.needs != fault.line}
    assert strange == {}, f"{fault.name}: these changed, too"
    return named


@pytest.mark.slow
async def test_a_fault_is_named_with_its_fix_and_nothing_else_changes(patient: Patient):
    before = await well(patient)
    for fault in (each for each in FAULTS if each.name in FEW):
        await judge(patient, before, fault)
    assert changed(before, by_name(await patient.look())) == {}


@pytest.mark.slow
async def test_every_fault_is_named_with_its_fix_and_nothing_else_changes(
    doctors_cloud: LocalCloud, tmp_path: Path
):
    assert await proof(doctors_cloud, tmp_path) == 0
