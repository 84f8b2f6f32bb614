"""Completion as bash does it, the man page as man shows it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchtui.cli.command_tree import commands_of
from benchtui.cli.completion import SHELLS, known_types, script
from benchtui.cli.main import COMMANDS, build_parser
from benchtui.cli.manual_page import manual_page

from .conftest import Cli

#: What bash would offer for the words of a line, the last of which is being typed.
ASK = """
source {script}
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_shtab_benchtui 2>{errors}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def bash_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("completion") / "benchtui.bash"
    file.write_text(script(build_parser(), "bash"))
    return file


def offered(bash_script: Path, cli: Cli, *words: str) -> list[str]:
    """The words that bash offers; benchtui itself is on its path."""
    errors = cli.home / "bash.err"
    text = ASK.format(script=bash_script, words=" ".join(f"'{word}'" for word in words), errors=errors)
    folder = Path(sys.executable).parent
    environment = cli.environment | {"PATH": f"{folder}:{cli.environment['PATH']}"}
    ended = subprocess.run(
        ["bash", "--norc", "-c", text],
        capture_output=True,
        text=True,
        cwd=cli.cwd,
        env=environment,
        check=True,
    )
    assert not errors.exists() or "not found" not in errors.read_text()
    return [line for line in ended.stdout.splitlines() if line]


def test_bash_offers_commands_options_and_choices(bash_script: Path, cli: Cli):
    assert set(offered(bash_script, cli, "benchtui", "")) >= set(COMMANDS)
    assert {"compare", "completion"} <= set(offered(bash_script, cli, "benchtui", "comp"))
    assert "--comparable" in offered(bash_script, cli, "benchtui", "types", "--co")
    assert "--filter" not in offered(bash_script, cli, "benchtui", "plan", "--f")
    assert offered(bash_script, cli, "benchtui", "types", "--by", "v") == ["vcpu"]
    assert offered(bash_script, cli, "benchtui", "--region", "eu-west-1", "compl") == ["completion"]
    assert set(offered(bash_script, cli, "benchtui", "config", "")) >= {"show", "paths"}


def test_bash_offers_files_and_what_this_machine_knows(bash_script: Path, cli: Cli):
    (cli.cwd / "mine.toml").write_text("")
    assert "mine.toml" in offered(bash_script, cli, "benchtui", "plan", "mi")
    (cli.cwd / "results" / "20261124-135100-k3f7").mkdir(parents=True)
    (cli.cwd / "results" / "notes").mkdir()
    ledger = cli.state_home / "benchtui" / "ledger"
    ledger.mkdir(parents=True)
    (ledger / "20261123-100000-aaaa.jsonl").write_text("")
    assert offered(bash_script, cli, "benchtui", "status", "2026") == [
        "20261124-135100-k3f7",
        "20261123-100000-aaaa",
    ]
    assert "c7i.xlarge" in offered(bash_script, cli, "benchtui", "types", "--comparable", "c7i.")


def test_types_come_from_what_was_listed_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "c7g.large" in known_types()
    (tmp_path / "benchtui").mkdir()
    listed = {"types": [{"name": "x9.large"}, {"name": "x9.$(reboot)"}, {"name": "x9.24xlarge"}]}
    (tmp_path / "benchtui" / "types.json").write_text(json.dumps(listed))
    assert known_types() == ["x9.24xlarge", "x9.large"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_is_in_every_script(shell: str):
    written = script(build_parser(), shell)
    for command in COMMANDS:
        assert command in written
    assert "--known" not in re.sub(r"completion --known (runs|types)", "", written)
    program = shutil.which(shell)
    if program is not None:
        said = subprocess.run([program, "-n"], input=written, text=True, capture_output=True, check=False)
        assert said.returncode == 0, said.stderr


def test_completion_without_a_shell_names_them(cli: Cli):
    ended = cli("completion")
    assert ended.returncode == 2
    assert "bash|zsh|fish" in ended.stderr


def test_the_man_page_has_every_command_and_option():
    page = manual_page(build_parser())
    for command in commands_of(build_parser()):
        assert f'.SS "{command.name}"'.replace("-", "\\-") in page or not command.path
        for action in command.options:
            for name in action.option_strings:
                assert name.replace("-", "\\-") in page
    assert "instances may still be running" in page


def test_the_man_page_is_shown_as_it_was_written(tmp_path: Path):
    page = tmp_path / "benchtui.1"
    page.write_text(manual_page(build_parser()))
    if shutil.which("groff") is None:
        pytest.skip("no groff here")
    command = ["groff", "-K", "utf8", "-man", "-Tutf8", "-ww", "-P-cbou", str(page)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    words = " ".join(shown.stdout.split())
    assert "benchtui types [OPTION ...]" in words
    assert "~/.cache/benchtui/ prices and instance types" in words
    assert "--filter 'arch=arm64" in words or "'arch=arm64 price<0.20'" in words
