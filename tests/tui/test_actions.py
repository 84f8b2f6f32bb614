"""One registry: what it says is what the application does and what docs/KEYS.md prints."""

import re
from pathlib import Path

import pytest

from benchtui.tui import actions
from benchtui.tui.actions import ACTIONS, Danger, binding_id
from benchtui.tui.app import BenchtuiApp
from benchtui.tui.furniture import PANES
from benchtui.tui.widgets.log_view import LogView

KEYS = Path(__file__).parents[2] / "docs" / "KEYS.md"
BY_PANE = {pane.PANE: pane for pane in PANES}
OWNERS = BY_PANE | {"app": BenchtuiApp, "log": LogView}


def test_every_id_is_given_once():
    ids = [binding_id(action) for action in ACTIONS]
    assert len(ids) == len(set(ids))


def test_ids_can_be_written_in_a_configuration():
    assert all(re.fullmatch(r"[a-z]+\.[a-z_-]+", binding_id(action)) for action in ACTIONS)


@pytest.mark.parametrize("action", ACTIONS, ids=binding_id)
def test_every_action_has_its_method(action):
    assert hasattr(OWNERS[action.where], f"action_{action.name.partition('(')[0]}")


@pytest.mark.parametrize("action", ACTIONS, ids=binding_id)
def test_every_action_names_a_command_or_says_why_there_is_none(action):
    assert action.headless.startswith(("benchtui ", "none: ", "Ctrl-C"))


@pytest.mark.parametrize("where", [*OWNERS])
def test_no_key_means_two_things_in_one_place(where):
    keys = [key for action in actions.of(where) for key in action.keys.split(",")]
    assert len(keys) == len(set(keys))


def test_a_pane_takes_no_key_of_the_application_away():
    everywhere = {key for action in actions.of("app") for key in action.keys.split(",")}
    for name in BY_PANE:
        taken = {key for action in actions.of(name) for key in action.keys.split(",")} & everywhere
        assert not taken, name


def test_what_ends_or_buys_instances_needs_a_word_typed():
    dangerous = {binding_id(action) for action in ACTIONS if action.danger is Danger.TYPE}
    assert dangerous == {"app.kill", "launch.launch", "cost.end"}


def test_the_page_of_keys_prints_this_table():
    begin, end = "<!-- keys: made by `make keys` -->\n", "\n<!-- end of keys -->"
    text = KEYS.read_text()
    printed = text[text.index(begin) + len(begin) : text.index(end)]
    assert printed == actions.key_table(), "run: make keys"


def test_the_commands_it_names_exist():
    from benchtui.cli.main import COMMANDS

    names = set(COMMANDS)
    named = {action.headless.split()[1] for action in ACTIONS if action.headless.startswith("benchtui ")}
    assert named - {"--help"} <= names
