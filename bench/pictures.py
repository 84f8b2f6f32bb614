"""The picture of README: the real application, on a real run of the local cloud, exported as SVG.

    python bench/pictures.py [--to DIR]

A run of this machine's types is launched, its user data really executed, and the application opened on it as
`benchtui --local --run RUN` does. The Jobs pane is taken while one job is over and another runs. Nothing in
it is drawn by hand; it shows the machine it was taken on. Takes a few minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SIZE = (120, 30)
PATIENCE_S = 400
PLAN = """\
[plan]
name = "readme"
types = ["local.1cpu", "local.2cpu"]
suites = ["stream", "cache"]
replicates = 2
exclude = [{ type = "local.2cpu", suite = "cache" }]
seed = 3
[safety]
max_runtime = "20m"
[watch]
poll_seconds = 1
"""


def launched(folder: Path) -> str:
    """Launch the run; returns its id."""
    (folder / "benchtui.toml").write_text(PLAN)
    command = [sys.executable, "-m", "benchtui", "run", "--local", "--yes", "--detach", "--json"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    summary: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return str(summary["run"])


async def taken(run: str, to: Path) -> None:
    """Open the application on the run and take the picture."""
    from benchtui.cli.main import DEFAULTS, build_parser
    from benchtui.cli.tui import _start
    from benchtui.core.keys import JobState
    from benchtui.tui.app import BenchtuiApp
    from benchtui.tui.start import Look

    arguments = build_parser().parse_args(["--local", "--run", run])
    for name, value in DEFAULTS.items():
        if not hasattr(arguments, name):
            setattr(arguments, name, value)
    look = Look()
    app = BenchtuiApp(partial(_start, arguments, look), look)

    def states() -> list[JobState]:
        view = getattr(app, "view", None)  # nothing before the first flush
        live = None if view is None else view.live
        return [row.status.state for row in live.rows] if live is not None else []

    async with app.run_test(size=SIZE) as pilot:
        await _until(pilot, lambda: JobState.COMPLETED in states() and JobState.RUNNING in states())
        await pilot.press("j")
        await pilot.pause(3)
        (to / "jobs.svg").write_text(app.export_screenshot(title="benchtui"), encoding="utf-8")
        app.exit("leave")
    app.engine.leave()
    app.engine.wait()  # type: ignore[attr-defined]


async def _until(pilot: Any, holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await pilot.pause(0.5)


def main() -> int:
    """Take it in a home and folder of their own, and end the local cloud again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "pictures", metavar="DIR")
    to = parser.parse_args().to.resolve()
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchtui-pictures-") as name:
        folder = Path(name)
        os.environ |= {"HOME": name, "LANG": "C.UTF-8"}
        for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "NO_COLOR"):
            os.environ.pop(variable, None)
        os.chdir(folder)
        try:
            asyncio.run(taken(launched(folder), to))
        finally:
            subprocess.run([sys.executable, "-m", "benchtui", "local", "down"], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
