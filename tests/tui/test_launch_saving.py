"""Saving what the form says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from textual.widgets import Static

from benchtui.config.load import load
from benchtui.tui.screens.save_plan import SavePlan
from tests.tui.launching import (
    Make,
    at_once,
    config,
    engine,
    notes,
    opened,
    typed,
    until,
)

__all__ = ["at_once", "engine"]  # fixtures


@pytest.mark.long
async def test_a_new_file_is_written_and_then_belongs_to_the_form(make: Make, tmp_path: Path) -> None:
    app, file = make(config=config()), tmp_path / "mine.toml"
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        assert str(app.query_one("#launch-form").border_title) == "New plan, not saved"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SavePlan))
        await typed(pilot, "#save-path", str(file))
        assert "A new file" in str(app.screen.query_one("#save-says", Static).render())
        await pilot.press("enter")
        await until(pilot, file.exists)
        await until(pilot, lambda: not isinstance(app.screen, SavePlan))
        assert load(file, {"HOME": str(tmp_path)}, {}, tmp_path).config == config()
        assert notes(app)[-1] == f"saved {file}"
        app.flush()
        assert str(app.query_one("#launch-form").border_title) == "mine.toml"
        await typed(pilot, "#field-plan-replicates", "9")
        assert "edited" in str(app.query_one("#launch-form").border_title)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SavePlan))
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, SavePlan))
        assert tomllib.loads(file.read_text())["plan"]["replicates"] == 9


@pytest.mark.long
async def test_the_file_it_was_loaded_from_keeps_its_comments(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "benchtui.toml"
    file.write_text('# mine\n[plan]\ntypes = ["c7g.large"] # Graviton\nseed = 7\n')
    loaded = load(file, {"HOME": str(tmp_path)}, {}, tmp_path).config
    app = make(config=loaded, config_file=file)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await typed(pilot, "#field-plan-types", "c7i.large")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SavePlan))
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, SavePlan))
        assert file.read_text() == '# mine\n[plan]\ntypes = ["c7i.large"] # Graviton\nseed = 7\n'


@pytest.mark.slow
async def test_a_file_of_another_is_never_overwritten_and_the_name_can_be_corrected(
    make: Make, tmp_path: Path
) -> None:
    app, file = make(config=config()), tmp_path / "theirs.toml"
    file.write_text("# theirs\n")
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SavePlan))
        await typed(pilot, "#save-path", str(file))
        await pilot.press("enter")
        said = app.screen.query_one("#save-says", Static)
        await until(pilot, lambda: "exists" in str(said.render()))
        assert file.read_text() == "# theirs\n"
        await pilot.press("x", "enter")
        await until(pilot, lambda: not isinstance(app.screen, SavePlan))
        assert (tmp_path / "theirs.tomlx").exists()


async def test_nothing_is_saved_by_escape_or_from_fields_that_cannot_be_read(
    make: Make, tmp_path: Path
) -> None:
    app = make(config=config())
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SavePlan))
        await pilot.press("escape")
        await typed(pilot, "#field-plan-replicates", "0")
        await pilot.press("ctrl+s")
        assert notes(app)[-1].startswith("not saved")
        assert not isinstance(app.screen, SavePlan)
