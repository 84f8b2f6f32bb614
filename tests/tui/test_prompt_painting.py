"""A run that was just heard is painted at once, also right after something else was."""

from __future__ import annotations

from pathlib import Path

from benchtui.engine.snapshot import Snapshot
from benchtui.tui.app import BenchtuiApp
from tests.engine import fleet
from tests.tui.scripted import ScriptedEngine, make_app


def snapshot(done: int) -> Snapshot:
    return fleet.snapshot([fleet.row(fleet.running("c7g.large-1", done, 99))])


def painted(app: BenchtuiApp) -> int | None:
    """Steps done of the first job, as the panes were shown it last."""
    seen = app.view.snapshot
    progress = seen.rows[0].status.progress if seen is not None else None
    return progress.done if progress is not None else None


async def test_a_snapshot_is_shown_without_waiting_for_the_second(tmp_path: Path) -> None:
    engine = ScriptedEngine()
    app = make_app(engine, tmp_path)
    app._tick = lambda: None  # type: ignore[method-assign]  # nothing is painted by the second
    async with app.run_test() as pilot:
        await pilot.pause()
        for done in (1, 2, 3, 4):
            app.flush()  # whatever comes now is less than a tenth of a second behind it
            engine.tell(snapshot(done))
            for _ in range(100):
                await pilot.pause(0.05)
                if painted(app) == done:
                    break
            assert painted(app) == done
