"""Each mechanism alone against each fault: which of them a fault leaves standing. By hand; about an hour.

Idle time is skipped: the seconds are the guest's.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

from benchtui.core.userdata import Templates
from benchtui.engine.packaged import packaged_templates
from tests.vm import bench, table
from tests.vm.alone import MECHANISMS, alone
from tests.vm.cells import Ended, bundle, job_of, run_cell
from tests.vm.faults import FAULTS, By, Fault, named
from tests.vm.image import image
from tests.vm.machine import SKIPPED
from tests.vm.pool import Pool
from tests.vm.snapshot import snapshot

#: These break the agent, which is not there.
OF_THE_AGENT = ("agent killed", "agent frozen")
#: Here root undoes what user data has set: shown to be out of reach, with everything armed that is left.
BEYOND = Fault(
    "kernel panic, kernel.panic=0",
    "echo 0 >/proc/sys/kernel/panic; echo c >/proc/sysrq-trigger\n",
    By.KERNEL,
    busy=True,
)
#: The deadlines need not wait for an agent: as early as user data allows.
JOB = job_of(1)


def play(only: list[str]) -> int:
    """Prints seconds from arming to the end; exit status 1 if a fault leaves nothing standing."""
    began = time.monotonic()
    built = image()
    state = snapshot(built, SKIPPED)
    packed = bundle()
    faults = [fault for fault in named((*FAULTS, BEYOND), only) if fault.name not in OF_THE_AGENT]
    pool = Pool(bench.at_once(6))

    def cell(fault: Fault, mechanism: str) -> Ended:
        templates: Templates = alone(packaged_templates(), mechanism)
        # Whatever comes first: how late it is against the last of all deadlines is not the question here.
        return run_cell(state, replace(fault, by=By.KERNEL), JOB, packed, templates)

    waiting = {
        (fault.name, mechanism): pool.submit(
            fault.busy, lambda f=fault, m=mechanism: cell(f, m), f"{mechanism} alone: "
        )
        for fault in faults
        for mechanism in MECHANISMS
    }
    ended = {key: future.result() for key, future in waiting.items()}
    body = [
        (fault.name, *(_shown(ended[fault.name, mechanism]) for mechanism in MECHANISMS)) for fault in faults
    ]
    print(table.text(("broken", *MECHANISMS), body), "", sep="\n")
    print(*table.troubles(ended.values()), sep="\n")
    bare = [fault.name for fault in faults if not any(ended[fault.name, m].seconds for m in MECHANISMS)]
    print(f"\n{len(ended)} cells, {(time.monotonic() - began) / 60:.1f} min")
    print(f"ended by no mechanism alone: {', '.join(bare) or 'none'}", file=sys.stderr)
    return int(any(name != BEYOND.name for name in bare))


def _shown(cell: Ended) -> str:
    """Seconds; r: to a reset, after which the boot guard ended it; –: not ended long after its time."""
    if cell.error:
        return "?"
    if cell.seconds is None:
        return "–"
    return f"{cell.seconds:.0f}" + "r" * ("boot guard" in cell.by)
