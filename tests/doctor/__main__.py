"""`make proof-doctor`: faults planted one at a time, the line that names each, and its fix."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchtui.local import daemon
from benchtui.local.options import LocalOptions
from tests.doctor.planted import FAULTS
from tests.doctor.proof import proof
from tests.local.conftest import FEW_REGIONS, LocalCloud


def main() -> int:
    """Exit code 1 if a fault was not named, or something else was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--part", default="1/1", help="such as 2/3: the second third of them")
    chosen = parser.parse_args()
    number, of = map(int, chosen.part.split("/"))
    faults = [fault for fault in FAULTS if chosen.only in fault.name][number - 1 :: of]
    with tempfile.TemporaryDirectory(prefix="benchtui-doctor-") as name:
        state = Path(name) / "cloud"
        options = LocalOptions(state_dir=state, host=False, regions=FEW_REGIONS, idle_minutes=5)
        cloud = LocalCloud(daemon.up(options), state)
        try:
            return int(asyncio.run(proof(cloud, Path(name), faults)) > 0)
        finally:
            daemon.down(state)


if __name__ == "__main__":
    sys.exit(main())
