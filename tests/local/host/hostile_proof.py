# ruff: noqa: E501  (rows of a table)
"""Run every piece of hostile user data and print what it did to this machine: `python -m tests.local.host.hostile_proof`.

An argument runs those whose name contains it. Exit code 0 if the machine is the same after each and after all of them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .hostile import ATTACKS, QUICK, Machine, differences
from .worlds import Outcome, ladder, run


def _row(rung: str, name: str, outcome: Outcome, before: Machine, after: Machine, changed: list[str]) -> str:
    left = len(outcome.strays) + len(outcome.cgroups_left)
    disk = (before.free_disk_bytes - after.free_disk_bytes) / 2**20
    end = outcome.how or "killed by the host"
    return f"{rung}  {name:<38.38} {end:<22.22} {outcome.seconds:6.1f} s  {left:>4}  {disk:>+8.1f}  {', '.join(changed) or 'none'}"


def main(only: str = "") -> int:
    first = Machine.now()
    failed = False
    for rung in ("T1", "T2"):
        for report in ladder(rung).rungs:  # type: ignore[arg-type]
            if report.rung == rung:
                print(f"{rung}: {'works' if report.works else 'does not work'}: {report.reason}")
    print(
        f"\n{'':3} {'user data':<38} {'the world ended by':<22} {'after':>8}  left  disk MiB  changed on the machine"
    )
    with tempfile.TemporaryDirectory() as directory:
        for rung, attacks in (("T1", ATTACKS), ("T2", QUICK)):
            if ladder(rung).chosen != rung:  # type: ignore[arg-type]
                continue
            for attack in [attack for attack in attacks if only in attack.name]:
                before = Machine.now()
                # The limits that instances get, not the small ones of the tests.
                outcome = run(attack.script, rung, directory=Path(directory), timeout_s=attack.seconds,  # type: ignore[arg-type]
                              memory=2 << 30, processes=4096, disk=1 << 30)  # fmt: skip
                after = Machine.now()
                changed = differences(before, after)
                broken = any(text in outcome.console for text in attack.never)
                failed = failed or bool(changed or outcome.strays or outcome.cgroups_left or broken)
                print(
                    _row(rung, attack.name, outcome, before, after, changed),
                    "BROKEN" if broken else "",
                    flush=True,
                )
                if broken:
                    print(outcome.console)
    last = Machine.now()
    changed = differences(first, last)
    print(f"\nsha256 of /etc  before {first.etc}\n                after  {last.etc}")
    print(f"kernel settings before {first.kernel_settings[:16]} after {last.kernel_settings[:16]}")
    print(
        f"kernel.panic    before {first.panic} after {last.panic};  hostname {first.hostname} / {last.hostname}"
    )
    print(f"boot id         {'the same' if first.boot_id == last.boot_id else 'CHANGED'};", end="  ")
    print(
        f"uptime {first.uptime_s:.0f} s -> {last.uptime_s:.0f} s;  clock moved {last.clock_offset_s - first.clock_offset_s:+.3f} s"
    )
    print(f"mounts          {'the same' if first.mounts == last.mounts else 'CHANGED'};", end="  ")
    print(f"free disk {first.free_disk_bytes / 2**30:.2f} -> {last.free_disk_bytes / 2**30:.2f} GiB")
    print(f"changed by all together: {', '.join(changed) or 'nothing'}")
    return int(failed or bool(changed))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
